// SPDX-License-Identifier: Apache-2.0
// The patients of a generated data set, and the store of their cases.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/data/archive/case_store.h"

namespace semiseg::phantom {

struct PatientOptions {
  int64_t seed = 0, patients_train = 40, patients_val = 6, patients_test = 14;
  std::string root;

  // Reads seed, patients_train, patients_val, patients_test, root. The present values are the
  // defaults.
  void read(const Config& config);
  // "seed 0, patients 40+6+14"
  std::string text() const;
};

struct Patient {
  int64_t number = 0;  // decides anatomy and, by turns, the vendor
  std::string name;
  Split split = Split::kTrain;
};

// The made store of all patients; `key` names its folder and its random numbers. `make` is called for several of them at once: it must depend on the
// patient and the seed alone. Each patient has `cases` cases, in the order of `make`'s result. The
// training order is a shuffle, so that the first few patients are a chance mix of vendors.
std::filesystem::path patients_store(
    const std::string& key, const DatasetInfo& info, const PatientOptions& options,
    const std::string& recipe, size_t cases,
    const std::function<std::vector<StoredCase>(const Patient&)>& make);

}  // namespace semiseg::phantom
