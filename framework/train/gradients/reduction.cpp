// SPDX-License-Identifier: Apache-2.0
#include "framework/train/gradients/reduction.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "framework/core/log.h"

namespace semiseg {
namespace {

using Orders = std::map<std::string, std::vector<size_t>>;

// A line for each optimiser: "student 2 1 0". On disk.
std::string text_of(const Orders& orders) {
  std::string text;
  for (const auto& [name, order] : orders) {
    text += fmt::format("{} {}\n", name, fmt::join(order, " "));
  }
  return text;
}

Orders orders_of(const std::string& text) {
  Orders orders;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    for (size_t index; words >> index;) orders[name].push_back(index);
  }
  return orders;
}

bool is_permutation_of(const std::vector<size_t>& order, size_t size) {
  std::vector<uint8_t> is_seen(size);
  for (const size_t i : order) {
    if (i >= size || is_seen[i]++) return false;
  }
  return order.size() == size;
}

}  // namespace

void GradientReduction::run(const Optimiser& optimiser, const std::function<void()>& backward,
                            bool is_new) {
  if (comm_.size() == 1 || optimiser.parameters().empty()) {
    last_times_ = {};
    backward();
  } else {
    GradientReducer& reducer = reducer_of(optimiser);
    last_times_ = reducer.reduce(backward, is_new);
    orders_[optimiser.name()] = reducer.order();
  }
  if (comm_.rank() == 0 && seen_.insert(optimiser.name()).second) name_unused(optimiser);
}

GradientReducer& GradientReduction::reducer_of(const Optimiser& optimiser) {
  auto& reducer = reducers_[optimiser.name()];
  // A later stage may train other tensors under the name. The decision is the same on all ranks.
  if (!reducer || !reducer->serves(optimiser)) {
    if (!own_) own_ = comm_.duplicate();
    std::vector<size_t> order = orders_[optimiser.name()];
    if (!is_permutation_of(order, optimiser.parameters().size())) order.clear();
    reducer = std::make_unique<GradientReducer>(*own_, optimiser, options_, std::move(order));
  }
  return *reducer;
}

void GradientReduction::name_unused(const Optimiser& optimiser) {
  std::vector<std::string> names;
  for (const auto& parameter : optimiser.parameters()) {
    if (!parameter.value.grad().defined()) names.push_back(parameter.name);
  }
  if (names.empty()) return;
  log::info("no gradient reached {} of {} parameters of {}: {}", names.size(),
            optimiser.parameters().size(), optimiser.name(), fmt::join(names, ", "));
}

void GradientReduction::state(StateVisitor& visitor) {
  std::string text = text_of(orders_);
  visitor.text("gradient_order", text);
  orders_ = orders_of(text);
}

}  // namespace semiseg
