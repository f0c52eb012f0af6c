// SPDX-License-Identifier: Apache-2.0
// Which rank evaluates which case, so that all are done at about the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "framework/comm/communicator.h"

namespace semiseg {

// For each rank positions in `costs`: the most expensive first (the earlier of equal ones), each to
// the rank with the least so far (the lower of equal ones). Equal costs: case i to rank i % ranks.
// Costs below 1 count as 1.
std::vector<std::vector<size_t>> share_cases(const std::vector<int64_t>& costs, size_t ranks);

// Collective. The same for these ranks, by rank 0's costs: they come from files, which need not be
// equal everywhere. As many costs on every rank.
std::vector<std::vector<size_t>> agree_shares(const std::vector<int64_t>& costs,
                                              const Communicator& comm);

}  // namespace semiseg
