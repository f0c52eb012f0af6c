// SPDX-License-Identifier: Apache-2.0
// Weighted mean of overlapping windows of a volume, plane by plane: a plane is emitted as soon as
// no later window reaches it, so that only a slab as thick as a window is ever held.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>

#include "framework/inference/window_grid.h"

namespace semiseg {

// Receives plane `index` of the volume's first axis, in ascending order, each once. scores [R,H,W]:
// valid during the call, may be written to.
using PlaneSink = std::function<void(int64_t index, const at::Tensor& scores)>;

// Holds R min(d, D) H W elements of the scores' dtype, d the window's size along the first axis,
// on the scores' device; and H W in double. The coverage of voxels needs no map: windows form a
// grid, so it is a product over axes.
class WindowSum {
 public:
  // Axes D, H, W; every voxel is covered. The axes must outlive this.
  WindowSum(const std::array<WindowAxis, 3>& axes, PlaneSink sink);

  // scores [R,d,h,w] float or double of the window at these starts, already weighted; what lies
  // outside the volume is left out. Windows come with ascending starts[0].
  void add(const std::array<int64_t, 3>& starts, const at::Tensor& scores);

  // Emits the remaining planes. Call it after the last window.
  void finish();

 private:
  void give_away_until(int64_t plane);

  const std::array<WindowAxis, 3>& axes_;
  PlaneSink sink_;
  int64_t depth_;      // planes held
  int64_t first_ = 0;  // the first plane that is not yet emitted
  at::Tensor sums_;    // [R,depth,H,W]; plane z lies at z % depth
  at::Tensor coverage_HW_;
};

}  // namespace semiseg
