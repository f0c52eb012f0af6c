// SPDX-License-Identifier: Apache-2.0
// The handle of a launch: the jobs of Slurm that its tasks are in. "18" is one job or array; several
// arrays stand with their first indices, "18+0,19+1000".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace semiseg::cluster {

struct Array {
  std::string job;
  int64_t first = 0;  // index of the task with number 0
};

// In ascending order of `first`, as all lists below. At least one.
std::vector<Array> arrays_of(const std::string& handle);
std::string handle_of(const std::vector<Array>& arrays);

// Returns the array that the task of this index is in.
const Array& array_with(const std::vector<Array>& arrays, int64_t index);

// "18_3" for the task of this index.
std::string name_in(const Array& array, int64_t index);

// "18,19"
std::string job_ids(const std::vector<Array>& arrays);

}  // namespace semiseg::cluster
