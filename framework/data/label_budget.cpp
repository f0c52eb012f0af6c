// SPDX-License-Identifier: Apache-2.0
#include "framework/data/label_budget.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "framework/core/error.h"

namespace semiseg {
namespace {

size_t parse_count(std::string_view labelled, size_t patients) {
  if (labelled == "all") return patients;
  const bool is_share = labelled.ends_with('%');
  const std::string_view number = labelled.substr(0, labelled.size() - (is_share ? 1 : 0));
  size_t count = 0;
  const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), count);
  if (code == std::errc() && end == number.data() + number.size() && count >= 1 &&
      count <= (is_share ? 100 : patients)) {
    return is_share ? (count * patients + 99) / 100 : count;
  }
  throw Error(
      ErrorKind::kConfig,
      {.what = "a bad number of labelled patients",
       .where = "labelled",
       .expected = fmt::format(
           "1 to {} training patients with ground truth, 1% to 100% of them, or all", patients),
       .got = std::string(labelled)});
}

}  // namespace

LabelBudget resolve_budget(const std::vector<SampleInfo>& samples,
                           const std::vector<CaseInfo>& cases, std::string_view labelled) {
  LabelBudget budget;
  std::set<std::string> unknown;  // patients of whom a case has no ground truth
  for (const SampleInfo& sample : samples) {
    const CaseInfo& owner = cases.at(sample.case_index);
    if (!owner.has_label) unknown.insert(owner.patient);
  }
  for (const SampleInfo& sample : samples) {
    const CaseInfo& owner = cases.at(sample.case_index);
    SEMISEG_CHECK(owner.split == Split::kTrain, owner.id + " is not a training case");
    if (!unknown.contains(owner.patient) &&
        std::find(budget.patients.begin(), budget.patients.end(), owner.patient) ==
            budget.patients.end()) {
      budget.patients.push_back(owner.patient);
    }
  }
  budget.patients.resize(parse_count(labelled, budget.patients.size()));
  budget.hash = hash_patients(budget.patients);
  for (const SampleInfo& sample : samples) {
    const std::string& patient = cases[sample.case_index].patient;
    const bool chosen =
        std::find(budget.patients.begin(), budget.patients.end(), patient) != budget.patients.end();
    (chosen ? budget.labelled : budget.unlabelled).push_back(sample);
  }
  return budget;
}

Pools pools_of(const LabelBudget& budget) {
  Pools pools{.samples = budget.labelled,
              .labelled_patients = budget.patients,
              .labelled_hash = budget.hash};
  pools.samples.insert(pools.samples.end(), budget.unlabelled.begin(), budget.unlabelled.end());
  const size_t labelled = budget.labelled.size(), all = pools.samples.size();
  pools.pools = {pool_of_range("labelled", true, 0, labelled),
                 pool_of_range("unlabelled", false, labelled == all ? 0 : labelled, all)};
  return pools;
}

std::string hash_patients(const std::vector<std::string>& patients) {
  std::string ids;
  for (const std::string& patient : patients) ids += patient + "\n";
  return fmt::format("{:016x}", XXH3_64bits(ids.data(), ids.size()));
}

}  // namespace semiseg
