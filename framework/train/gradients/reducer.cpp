// SPDX-License-Identifier: Apache-2.0
#include "framework/train/gradients/reducer.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/profile.h"

namespace semiseg {
namespace {

// Arms the hooks for its lifetime; disarms them also when the pass throws.
class Armed {
 public:
  explicit Armed(bool& flag) : flag_(flag) { flag_ = true; }
  ~Armed() { flag_ = false; }
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;

 private:
  bool& flag_;
};

}  // namespace

GradientReducer::GradientReducer(const Communicator& comm, const Optimiser& optimiser,
                                 const ReductionOptions& options, std::vector<size_t> order)
    : comm_(comm),
      name_(optimiser.name()),
      parameters_(optimiser.parameters()),
      options_(options),
      order_(std::move(order)),
      has_final_buckets_(!order_.empty()),
      buckets_(parameters_, has_final_buckets_ ? order_ : reversed_order(), options_),
      was_absent_(parameters_.size(), 0),
      hooks_(parameters_, [this](size_t parameter) { ready(parameter); }) {}

std::vector<size_t> GradientReducer::reversed_order() const {
  std::vector<size_t> order(parameters_.size());
  std::iota(order.rbegin(), order.rend(), size_t{0});
  return order;
}

bool GradientReducer::serves(const Optimiser& optimiser) const {
  return std::equal(parameters_.begin(), parameters_.end(), optimiser.parameters().begin(),
                    optimiser.parameters().end(), [](const NamedTensor& a, const NamedTensor& b) {
                      return a.value.is_same(b.value);
                    });
}

ReductionTimes GradientReducer::reduce(const std::function<void()>& backward, bool is_new) {
  begin(is_new);
  {
    const Armed armed(is_armed_);
    backward();
  }
  const auto launched_early = static_cast<int64_t>(pending_.size());
  // Kept from an earlier pass of this step, or absent here.
  for (const size_t i : reversed_order()) {
    if (!is_placed_[i]) place(i);
  }
  launch_complete(buckets_.size());
  const auto start = std::chrono::steady_clock::now();
  {
    const profile::Span span("exposed communication");
    for (const auto& reduction : pending_) reduction->wait();
  }
  const std::chrono::duration<double> exposed = std::chrono::steady_clock::now() - start;
  take_sums();
  has_sums_ = true;
  if (!has_final_buckets_) agree_on_order();
  return {exposed.count(), buckets_.bytes(), static_cast<int64_t>(buckets_.size()), launched_early};
}

// Here rather than after the sums, because the host has just waited for the loss: reading the flags
// does not make it wait once more.
void GradientReducer::note_absent() {
  const std::vector<uint8_t> was_everywhere = buckets_.defined_everywhere(comm_.size());
  for (size_t i = 0; i < was_everywhere.size(); ++i) was_absent_[i] |= !was_everywhere[i];
}

void GradientReducer::begin(bool is_new) {
  if (has_sums_) note_absent();
  // Not right after the order was agreed: the gradients of that step were views into the first
  // buckets.
  if (!has_final_buckets_ && !order_.empty()) {
    buckets_ = GradientBuckets(parameters_, order_, options_);
    has_final_buckets_ = true;
  }
  is_placed_.assign(parameters_.size(), 0);
  is_defined_.assign(parameters_.size(), 0);
  arrived_.clear();
  missing_.clear();
  for (size_t b = 0; b < buckets_.size(); ++b) missing_.push_back(buckets_.parameters(b).size());
  pending_.clear();
  first_unfinished_ = 0;
  const auto came_everywhere = [this](size_t bucket) {
    const auto& parameters = buckets_.parameters(bucket);
    return std::none_of(parameters.begin(), parameters.end(),
                        [this](size_t i) { return was_absent_[i]; });
  };
  early_ = 0;
  if (!has_sums_ || is_new) return;
  while (early_ < buckets_.size() && came_everywhere(early_)) ++early_;
}

void GradientReducer::ready(size_t parameter) {
  if (!is_armed_ || !parameters_[parameter].value.grad().defined()) return;
  SEMISEG_CHECK(!is_placed_[parameter],
                "a gradient is ready once in a backward pass: " + parameters_[parameter].name);
  place(parameter);
  launch_complete(early_);
  progress();
}

void GradientReducer::place(size_t parameter) {
  at::Tensor& gradient = parameters_[parameter].value.mutable_grad();
  buckets_.put(parameter, gradient);
  is_defined_[parameter] = gradient.defined();
  is_placed_[parameter] = true;
  gradient.reset();  // its memory serves the rest of the pass
  arrived_.push_back(parameter);
  --missing_[buckets_.bucket_of(parameter)];
}

void GradientReducer::launch_complete(size_t end) {
  while (pending_.size() < end && missing_[pending_.size()] == 0) launch_next();
}

void GradientReducer::launch_next() {
  const size_t bucket = pending_.size();
  if (bucket + 1 == buckets_.size()) buckets_.put_defined(is_defined_);
  pending_.push_back(comm_.start_all_reduce(buckets_.message(bucket),
                                            fmt::format("gradients of {}, {}", name_, bucket)));
}

void GradientReducer::progress() {
  while (first_unfinished_ < pending_.size() && pending_[first_unfinished_]->advance()) {
    ++first_unfinished_;
  }
  for (size_t b = first_unfinished_ + 1; b < pending_.size(); ++b) pending_[b]->advance();
}

void GradientReducer::take_sums() {
  buckets_.unpack();
  // A gradient that is defined here is so somewhere: most ranks need not read the flags.
  const bool is_complete =
      std::find(is_defined_.begin(), is_defined_.end(), 0) == is_defined_.end();
  const std::vector<uint8_t> is_used = is_complete ? is_defined_ : buckets_.defined_anywhere();
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (is_used[i]) parameters_[i].value.mutable_grad() = buckets_.sum(i);
  }
}

void GradientReducer::agree_on_order() {
  at::Tensor order = at::empty({std::ssize(arrived_)}, at::TensorOptions().dtype(at::kLong));
  std::copy(arrived_.begin(), arrived_.end(), order.mutable_data_ptr<int64_t>());
  at::Tensor agreed = order.to(parameters_.front().value.device());
  comm_.broadcast(agreed, "order of gradients");
  order = agreed.to(at::kCPU);
  const auto* first = order.const_data_ptr<int64_t>();
  order_.assign(first, first + order.numel());
}

}  // namespace semiseg
