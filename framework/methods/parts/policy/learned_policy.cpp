// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/policy/learned_policy.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <utility>

namespace semiseg {
namespace {

// Returns a bin, drawn by the rates.
int64_t draw_bin(const at::Tensor& rates, const PolicyOptions& options, DrawSequence& numbers) {
  const double* rate = rates.const_data_ptr<double>();
  std::vector<double> p(rate, rate + rates.numel());
  for (double& each : p) each += 1 - options.decay;
  const double largest = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& each : p) {
    each = each / largest < options.threshold ? 0 : each / largest;
    sum += each;
  }
  double left = numbers.uniform() * sum;
  int64_t last = 0;
  for (size_t bin = 0; bin < p.size(); ++bin) {
    if (p[bin] == 0) continue;
    last = static_cast<int64_t>(bin);
    left -= p[bin];
    if (left < 0) break;
  }
  return last;
}

}  // namespace

LearnedPolicy::LearnedPolicy(std::vector<std::vector<int64_t>> bins, std::string name,
                             PolicyOptions options)
    : bins_(std::move(bins)), name_(std::move(name)), options_(options) {
  size_t most = 0;
  for (const auto& of_operation : bins_) {
    most = std::max(most, of_operation.size());
    for (const int64_t count : of_operation) rates_.push_back(at::ones({count}, at::kDouble));
  }
  // The operation -1: not drawn yet.
  policy_ = at::full({options_.depth, 1 + static_cast<int64_t>(most)}, -1, at::kDouble);
}

int64_t LearnedPolicy::parameter(size_t operation, size_t place) const {
  size_t index = place;
  for (size_t o = 0; o < operation; ++o) index += bins_[o].size();
  return static_cast<int64_t>(index);
}

void LearnedPolicy::draw(const Draws& draws) {
  DrawSequence numbers = draws.sequence("policy/" + name_);
  for (int64_t i = 0; i < options_.depth; ++i) {
    double* row = policy_[i].data_ptr<double>();
    const auto operation =
        static_cast<size_t>(numbers.integer(0, static_cast<int64_t>(bins_.size())));
    row[0] = static_cast<double>(operation);
    for (size_t place = 0; place < bins_[operation].size(); ++place) {
      const at::Tensor& rates = rates_[static_cast<size_t>(parameter(operation, place))];
      const auto bin = static_cast<double>(draw_bin(rates, options_, numbers));
      row[1 + place] = (bin + numbers.uniform()) / static_cast<double>(rates.numel());
    }
  }
}

void LearnedPolicy::update(double proximity) {
  for (const PolicyStep& step : policy()) {
    const auto operation = static_cast<size_t>(step.operation);
    for (size_t place = 0; place < step.levels.size(); ++place) {
      at::Tensor& rates = rates_[static_cast<size_t>(parameter(operation, place))];
      const auto count = static_cast<double>(rates.numel());
      double& rate =
          rates.data_ptr<double>()[static_cast<int64_t>(step.levels[place] * count * 0.999)];
      rate = rate * options_.decay + proximity * (1 - options_.decay);
    }
  }
}

Policy LearnedPolicy::policy() const {
  Policy steps;
  for (int64_t i = 0; i < options_.depth; ++i) {
    const double* row = policy_[i].const_data_ptr<double>();
    if (row[0] < 0) return {};
    const size_t count = bins_[static_cast<size_t>(row[0])].size();
    steps.push_back({static_cast<int64_t>(row[0]), {row + 1, row + 1 + count}});
  }
  return steps;
}

void LearnedPolicy::state(StateVisitor& visitor) {
  visitor.scope("policy/" + name_, [this](StateVisitor& v) {
    v.tensor("steps", policy_);
    for (size_t i = 0; i < rates_.size(); ++i) v.tensor("rates." + std::to_string(i), rates_[i]);
  });
}

}  // namespace semiseg
