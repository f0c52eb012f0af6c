// SPDX-License-Identifier: Apache-2.0
#include "cluster/slurm/array_handle.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

#include "framework/core/error.h"

namespace semiseg::cluster {

std::vector<Array> arrays_of(const std::string& handle) {
  std::vector<Array> arrays;
  std::istringstream parts(handle);
  for (std::string part; std::getline(parts, part, ',');) {
    const size_t plus = part.find('+');
    arrays.push_back({.job = part.substr(0, plus),
                      .first = plus == std::string::npos ? 0 : std::stoll(part.substr(plus + 1))});
  }
  SEMISEG_CHECK(!arrays.empty(), "a launch without a job");
  return arrays;
}

std::string handle_of(const std::vector<Array>& arrays) {
  if (arrays.size() == 1 && arrays.front().first == 0) return arrays.front().job;
  std::vector<std::string> parts;
  for (const Array& array : arrays) parts.push_back(fmt::format("{}+{}", array.job, array.first));
  return fmt::format("{}", fmt::join(parts, ","));
}

const Array& array_with(const std::vector<Array>& arrays, int64_t index) {
  size_t i = arrays.size();
  while (i > 1 && arrays[i - 1].first > index) --i;
  return arrays[i - 1];
}

std::string name_in(const Array& array, int64_t index) {
  return fmt::format("{}_{}", array.job, index - array.first);
}

std::string job_ids(const std::vector<Array>& arrays) {
  std::vector<std::string> ids;
  for (const Array& array : arrays) ids.push_back(array.job);
  return fmt::format("{}", fmt::join(ids, ","));
}

}  // namespace semiseg::cluster
