// SPDX-License-Identifier: Apache-2.0
#include "framework/data/pool.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {

const Pool& Pools::find(std::string_view name) const {
  const auto found = std::find_if(pools.begin(), pools.end(),
                                  [name](const Pool& pool) { return pool.name == name; });
  if (found != pools.end()) return *found;
  std::string names;
  for (const Pool& pool : pools) names += (names.empty() ? "" : ", ") + pool.name;
  throw Error(ErrorKind::kConfig,
              {.what = fmt::format("the setting has no pool of samples '{}'", name),
               .expected = "one of: " + names,
               .got = std::string(name),
               .fix = "choose another setting (setting=…) or another method"});
}

std::vector<int64_t> class_voxels(const DatasetSource& source, const Pools& pools,
                                  std::string_view name) {
  const Pool& pool = pools.find(name);
  if (!pool.has_labels) {
    throw Error(ErrorKind::kConfig,
                {.what = fmt::format("the ground truth of pool '{}' is hidden", name),
                 .expected = "a pool with labels",
                 .fix = "count the classes of its pseudo-labels instead"});
  }
  const int64_t classes = std::ssize(source.info().classes);
  at::Tensor counts = at::zeros({classes}, at::kLong);
  for (const size_t member : pool.members) {
    const at::Tensor label = source.load_sample(pools.samples[member]).label;
    if (label.defined())
      counts += at::bincount(label.flatten().to(at::kLong), {}, classes).slice(0, 0, classes);
  }
  return {counts.const_data_ptr<int64_t>(), counts.const_data_ptr<int64_t>() + classes};
}

Pool pool_of_range(std::string name, bool has_labels, size_t first, size_t last) {
  Pool pool{.name = std::move(name), .has_labels = has_labels};
  pool.members.resize(last - first);
  std::iota(pool.members.begin(), pool.members.end(), first);
  return pool;
}

}  // namespace semiseg
