// SPDX-License-Identifier: Apache-2.0
#include "framework/settings/budgeted_pools.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "framework/core/error.h"
#include "framework/data/setting.h"
#include "framework/settings/labelled_draw.h"

namespace semiseg {
namespace {

Pools pools_in(const Setting& setting, const DatasetSource& source, const LabelChoice& choice,
               int spatial_dims) {
  return setting.pools(
      drawn_order(source.training_samples(spatial_dims), source.cases(), choice.draw),
      source.cases());
}

// Validation cases go, and the cases of these patients take their place.
std::vector<Split> strict_splits(const std::vector<CaseInfo>& cases,
                                 const std::set<std::string>& selecting) {
  std::vector<Split> splits;
  for (const CaseInfo& one : cases) {
    const bool selects = one.split == Split::kTrain && selecting.contains(one.patient);
    splits.push_back(selects ? Split::kVal : one.split == Split::kVal ? Split::kUnused : one.split);
  }
  return splits;
}

[[noreturn]] void refuse(int64_t selection, size_t labelled, const std::string& expected) {
  throw Error(ErrorKind::kConfig,
              {.what = "these labelled patients cannot select the weights",
               .where = "selection",
               .expected = expected,
               .got = fmt::format("{} of {} labelled patients", selection, labelled)});
}

}  // namespace

BudgetedData budgeted_pools(const LabelChoice& choice, const std::string& setting_name,
                            const Config& section, std::unique_ptr<DatasetSource> source,
                            int spatial_dims) {
  const SettingEntry& entry = SettingRegistry::instance().find(setting_name);
  auto setting = entry.make(section, choice.labelled);
  const std::vector<Split> splits = setting->splits(source->cases());
  BudgetedData data{with_splits(std::move(source), splits), {}};
  data.pools = pools_in(*setting, *data.source, choice, spatial_dims);
  if (!choice.is_strict) return data;
  std::vector<std::string> training = data.pools.labelled_patients;
  std::set<std::string> selecting;
  if (choice.selection >= std::ssize(training))
    refuse(choice.selection, training.size(), "fewer, so that some are left to train with");
  for (int64_t i = 0; i < choice.selection; ++i) {
    selecting.insert(training.back());
    training.pop_back();
  }
  const std::vector<Split> strict = strict_splits(data.source->cases(), selecting);
  data.source = with_splits(std::move(data.source), strict);
  if (selecting.empty()) return data;
  setting = entry.make(section, std::to_string(training.size()));
  data.pools = pools_in(*setting, *data.source, choice, spatial_dims);
  if (data.pools.labelled_patients != training) {
    refuse(choice.selection, training.size() + selecting.size(),
           "a setting that labels the first patients; " + setting_name + " labels others then");
  }
  return data;
}

}  // namespace semiseg
