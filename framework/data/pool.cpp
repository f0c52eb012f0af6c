// SPDX-License-Identifier: Apache-2.0
#include "framework/data/pool.h"

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

Pool pool_of_range(std::string name, bool has_labels, size_t first, size_t last) {
  Pool pool{.name = std::move(name), .has_labels = has_labels};
  pool.members.resize(last - first);
  std::iota(pool.members.begin(), pool.members.end(), first);
  return pool;
}

}  // namespace semiseg
