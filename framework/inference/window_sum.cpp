// SPDX-License-Identifier: Apache-2.0
#include "framework/inference/window_sum.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// The part of a window inside the volume along one axis: [begin, end), in voxels of the volume.
struct Extent {
  int64_t begin, end;
};

Extent inside(const WindowAxis& axis, int64_t start) {
  return {std::max<int64_t>(start, 0), std::min(start + axis.patch, axis.size)};
}

at::Tensor coverage_of(const WindowAxis& axis) { return at::tensor(axis.coverage, at::kDouble); }

}  // namespace

WindowSum::WindowSum(const std::array<WindowAxis, 3>& axes, PlaneSink sink)
    : axes_(axes),
      sink_(std::move(sink)),
      depth_(std::min(axes[0].patch, axes[0].size)),
      coverage_HW_(at::outer(coverage_of(axes[1]), coverage_of(axes[2]))) {}

void WindowSum::add(const std::array<int64_t, 3>& starts, const at::Tensor& scores) {
  if (!sums_.defined()) {
    sums_ = at::zeros({scores.size(0), depth_, axes_[1].size, axes_[2].size}, scores.options());
  }
  const Extent d = inside(axes_[0], starts[0]);
  SEMISEG_CHECK(d.begin >= first_, "windows come in the order of the first axis");
  give_away_until(d.begin);
  at::Tensor from = scores, to = sums_;
  for (int64_t axis = 1; axis < 3; ++axis) {
    const auto i = static_cast<size_t>(axis);
    const Extent e = inside(axes_[i], starts[i]);
    from = from.slice(axis + 1, e.begin - starts[i], e.end - starts[i]);
    to = to.slice(axis + 1, e.begin, e.end);
  }
  for (int64_t plane = d.begin; plane < d.end;) {
    const int64_t at = plane % depth_, planes = std::min(depth_ - at, d.end - plane);
    to.narrow(1, at, planes).add_(from.narrow(1, plane - starts[0], planes));
    plane += planes;
  }
}

void WindowSum::finish() { give_away_until(axes_[0].size); }

void WindowSum::give_away_until(int64_t plane) {
  for (; first_ < plane; ++first_) {
    const at::Tensor sum = sums_.select(1, first_ % depth_);
    const at::Tensor coverage = coverage_HW_ * axes_[0].coverage[static_cast<size_t>(first_)];
    sink_(first_, sum.div_(coverage.to(sum.options())));
    sum.zero_();
  }
}

}  // namespace semiseg
