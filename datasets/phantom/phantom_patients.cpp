// SPDX-License-Identifier: Apache-2.0
#include "datasets/phantom/phantom_patients.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "datasets/made_store.h"
#include "framework/core/random/draws.h"

namespace semiseg::phantom {
namespace {

std::vector<Patient> draw_patients(const std::string& set, const PatientOptions& options) {
  const Draws draws(static_cast<uint64_t>(options.seed));
  const at::Tensor order = draws.permutation(set + "/order", options.patients_train);
  const int64_t total = options.patients_train + options.patients_val + options.patients_test;
  std::vector<Patient> patients;
  for (int64_t i = 0; i < total; ++i) {
    Patient patient;
    patient.number = i < options.patients_train ? order[i].item<int64_t>() : i;
    patient.name = fmt::format("patient{:03}", patient.number + 1);
    if (i >= options.patients_train) patient.split = Split::kVal;
    if (i >= options.patients_train + options.patients_val) patient.split = Split::kTest;
    patients.push_back(patient);
  }
  return patients;
}

}  // namespace

void PatientOptions::read(const Config& config) {
  config.read("seed", seed, {0, 1e15},
              "Random seed of the patients; another seed gives other patients. Change it to see "
              "how results depend on the data.");
  config.read(
      "patients_train", patients_train, {1, 10000},
      "Number of training patients. Change it to see how results depend on the amount of data.");
  config.read("patients_val", patients_val, {0, 10000}, "Number of validation patients.");
  config.read("patients_test", patients_test, {0, 10000},
              "Number of test patients. Raise it for narrower confidence intervals.");
  read_root(config, root);
}

std::string PatientOptions::text() const {
  return fmt::format("seed {}, patients {}+{}+{}", seed, patients_train, patients_val,
                     patients_test);
}

std::filesystem::path patients_store(
    const std::string& key, const DatasetInfo& info, const PatientOptions& options,
    const std::string& recipe, size_t cases,
    const std::function<std::vector<StoredCase>(const Patient&)>& make) {
  return made_store(options.root, key, recipe, [&](const std::filesystem::path& folder) {
    const std::vector<Patient> patients = draw_patients(key, options);
    std::vector<CaseInfo> infos(patients.size() * cases);
    at::parallel_for(0, static_cast<int64_t>(patients.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto made = make(patients[i]);
        for (size_t k = 0; k < cases; ++k) {
          write_case(folder, made.at(k));
          infos[cases * i + k] = made[k].info;
        }
      }
    });
    write_index(folder, info, infos);
  });
}

}  // namespace semiseg::phantom
