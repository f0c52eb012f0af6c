// SPDX-License-Identifier: Apache-2.0
#include "framework/data/archive/case_split.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// Patients that may be validated or tested, in the order in which fractions take them.
std::vector<std::string> eligible_patients(const std::vector<CaseInfo>& cases,
                                           const std::set<std::string>& labelled) {
  std::vector<std::pair<XXH64_hash_t, std::string>> order;
  for (const std::string& patient : labelled_patients(cases, labelled)) {
    order.emplace_back(XXH3_64bits(patient.data(), patient.size()), patient);
  }
  std::sort(order.begin(), order.end());
  std::vector<std::string> patients;
  for (auto& [hash, patient] : order) patients.push_back(std::move(patient));
  return patients;
}

void take_named(const std::vector<std::string>& names, Split split,
                const std::vector<std::string>& patients, const fs::path& where,
                std::map<std::string, Split>& splits) {
  for (const std::string& name : names) {
    if (std::find(patients.begin(), patients.end(), name) == patients.end()) {
      throw Error(ErrorKind::kData,
                  {.what = fmt::format("a patient of the {} split is not there or has no labels",
                                       to_string(split)),
                   .where = where.string(),
                   .expected = "names of patients with labels",
                   .got = name,
                   .fix = fmt::format("correct dataset.{}", to_string(split))});
    }
    const auto [other, is_new] = splits.emplace(name, split);
    if (!is_new && other->second != split) {
      throw Error(ErrorKind::kData, {.what = "a patient is named for two splits",
                                     .where = where.string(),
                                     .expected = "every patient in one split",
                                     .got = name});
    }
  }
}

}  // namespace

void SplitOptions::read(const Config& section) {
  section.read("val", val,
               "Patients of the validation split, by name; empty: val_fraction says how many. Set "
               "it to repeat a published split.");
  section.read("test", test,
               "Patients of the test split, by name; empty: test_fraction says how many. Set it to "
               "repeat a published split.");
  section.read("val_fraction", val_fraction, {0, 1},
               "Fraction of the labelled patients that form the validation split, chosen by a hash "
               "of their names.");
  section.read("test_fraction", test_fraction, {0, 1},
               "Fraction of the labelled patients that form the test split, chosen by a hash of "
               "their names.");
}

std::set<std::string> labelled_patients(const std::vector<CaseInfo>& cases,
                                        const std::set<std::string>& labelled) {
  std::set<std::string> patients;
  for (const CaseInfo& one : cases) patients.insert(one.patient);
  for (const CaseInfo& one : cases) {
    if (!labelled.contains(one.id)) patients.erase(one.patient);
  }
  return patients;
}

void assign_splits(std::vector<CaseInfo>& cases, const std::set<std::string>& labelled,
                   const SplitOptions& options, const fs::path& where) {
  const std::vector<std::string> patients = eligible_patients(cases, labelled);
  std::map<std::string, Split> splits;
  take_named(options.test, Split::kTest, patients, where, splits);
  take_named(options.val, Split::kVal, patients, where, splits);
  const auto take_fraction = [&](const std::vector<std::string>& names, double fraction,
                                 Split split) {
    if (!names.empty()) return;
    auto left =
        static_cast<int64_t>(std::floor(fraction * static_cast<double>(patients.size()) + 0.5));
    for (const std::string& patient : patients) {
      if (left > 0 && splits.emplace(patient, split).second) --left;
    }
  };
  take_fraction(options.test, options.test_fraction, Split::kTest);
  take_fraction(options.val, options.val_fraction, Split::kVal);
  bool has_training = false;
  for (CaseInfo& one : cases) {
    const auto found = splits.find(one.patient);
    one.split = found == splits.end() ? Split::kTrain : found->second;
    has_training = has_training || one.split == Split::kTrain;
  }
  if (!has_training) {
    throw Error(ErrorKind::kData, {.what = "no patient is left to train on",
                                   .where = where.string(),
                                   .got = fmt::format("{} patients", patients.size()),
                                   .fix = "lower dataset.val_fraction and dataset.test_fraction"});
  }
}

std::string patient_of(const std::string& id, const std::string& mark) {
  return mark.empty() ? id : id.substr(0, id.rfind(mark));
}

}  // namespace semiseg
