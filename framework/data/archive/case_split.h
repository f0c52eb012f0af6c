// SPDX-License-Identifier: Apache-2.0
// Splits of data sets whose files do not say them: by patients, named or drawn by their names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/data/dataset.h"

namespace semiseg {

struct SplitOptions {
  std::vector<std::string> val,
      test;  // patients by name; a split that has a list takes no fraction
  double val_fraction = 0.1, test_fraction = 0.2;  // fractions of the patients with labels

  // Reads the keys val, test, val_fraction, test_fraction; the present values are the defaults.
  void read(const Config& section);
};

// Returns the patients all of whose cases have labels (`labelled`, case ids): only they may be in
// val or test.
std::set<std::string> labelled_patients(const std::vector<CaseInfo>& cases,
                                        const std::set<std::string>& labelled);

// Sets the split of every case; the order of the cases stays. A fraction of the n patients is
// ⌊n · fraction + 1/2⌋ of them: test takes the first ones in ascending order of xxh3 of their
// names, val the next ones, the rest train. So a split follows from the names alone, whatever the
// order and dates of the files. Only patients all of whose cases have labels (`labelled`, case ids)
// are validated or tested. Throws kData when a named patient is not there or has no labels, or when
// no patient is left for training.
void assign_splits(std::vector<CaseInfo>& cases, const std::set<std::string>& labelled,
                   const SplitOptions& options, const std::filesystem::path& where);

// Returns the patient of a case id: the text before the last `mark` in it, or the whole id where
// `mark` is empty or absent. "A0S9V9_sa_11" with "_sa_" is A0S9V9.
std::string patient_of(const std::string& id, const std::string& mark);

}  // namespace semiseg
