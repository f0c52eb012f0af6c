// SPDX-License-Identifier: Apache-2.0
#include "framework/run/run_data.h"

#include <algorithm>
#include <utility>

#include "framework/settings/budgeted_pools.h"

namespace semiseg {
namespace {

std::map<std::string, int64_t> pool_sizes(const Pools& pools) {
  std::map<std::string, int64_t> sizes;
  for (const Pool& pool : pools.pools) sizes[pool.name] = std::ssize(pool.members);
  return sizes;
}

}  // namespace

RunData RunData::open(const RunOptions& options) {
  const Config& config = options.config;
  const GeneralOptions& general = options.general;
  BudgetedData budgeted = budgeted_pools(
      {general.labelled, general.labelled_draw, general.budget == "strict", general.selection},
      options.setting, config.section("setting"),
      DatasetRegistry::instance().find(options.dataset).make(config.section("dataset")),
      static_cast<int>(options.protocol.patch_size.size()));
  RunData data{.source = std::move(budgeted.source), .pools = std::move(budgeted.pools)};
  const auto& cases = data.source->cases();
  data.facts = {
      .info = data.source->info(),
      .domains = domains_of(cases),
      .pool_samples = pool_sizes(data.pools),
      .class_voxels = [source = data.source.get(), pools = data.pools](const std::string& pool) {
        return class_voxels(*source, pools, pool);
      }};
  return data;
}

bool RunData::has_cases(Split split) const {
  const auto& cases = source->cases();
  return std::any_of(cases.begin(), cases.end(),
                     [split](const CaseInfo& info) { return info.split == split; });
}

}  // namespace semiseg
