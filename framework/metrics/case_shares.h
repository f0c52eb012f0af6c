// SPDX-License-Identifier: Apache-2.0
// Assigns cases to ranks so that all ranks finish evaluation at about the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "framework/comm/communicator.h"

namespace semiseg {

// Returns for each rank its positions in `costs`. The most expensive case (the earlier of equal
// ones) is assigned first, each case to the rank with the lowest cost so far (the lower of equal
// ones). Equal costs: case i to rank i % ranks. Costs below 1 count as 1.
std::vector<std::vector<size_t>> share_cases(const std::vector<int64_t>& costs, size_t ranks);

// Collective. Returns the same for these ranks, by rank 0's costs, because costs come from files
// that may differ between machines. Every rank passes the same number of costs.
std::vector<std::vector<size_t>> agree_shares(const std::vector<int64_t>& costs,
                                              const Communicator& comm);

}  // namespace semiseg
