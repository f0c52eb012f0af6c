// SPDX-License-Identifier: Apache-2.0
#include "framework/run/run_data.h"

#include <algorithm>
#include <utility>

#include "framework/data/setting.h"

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
  const auto setting = SettingRegistry::instance()
                           .find(options.setting)
                           .make(config.section("setting"), options.general.labelled);
  RunData data;
  data.source = DatasetRegistry::instance().find(options.dataset).make(config.section("dataset"));
  data.source = with_splits(std::move(data.source), setting->splits(data.source->cases()));
  const auto& cases = data.source->cases();
  const auto axes = static_cast<int>(options.protocol.patch_size.size());
  data.pools = setting->pools(data.source->training_samples(axes), cases);
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
