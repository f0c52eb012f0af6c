// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/case_shares.h"

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <iterator>
#include <numeric>

namespace semiseg {

std::vector<std::vector<size_t>> share_cases(const std::vector<int64_t>& costs, size_t ranks) {
  std::vector<size_t> order(costs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return costs[a] > costs[b]; });
  std::vector<std::vector<size_t>> shares(ranks);
  std::vector<int64_t> loads(ranks, 0);
  for (const size_t position : order) {
    const auto least = static_cast<size_t>(
        std::distance(loads.begin(), std::min_element(loads.begin(), loads.end())));
    shares[least].push_back(position);
    loads[least] += std::max<int64_t>(costs[position], 1);
  }
  return shares;
}

std::vector<std::vector<size_t>> agree_shares(const std::vector<int64_t>& costs,
                                              const Communicator& comm) {
  at::Tensor agreed = at::tensor(costs, at::kLong);
  comm.broadcast(agreed, "costs of the cases");
  const int64_t* begin = agreed.const_data_ptr<int64_t>();
  return share_cases({begin, begin + agreed.numel()}, static_cast<size_t>(comm.size()));
}

}  // namespace semiseg
