// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/distance_loss.h"

#include <ATen/TensorOperators.h>

#include "framework/nn/kernels/label_maps.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg {

double read_distance_weight(const Config& section) {
  double beta = 0.3;
  section.read(
      "beta", beta, {0, 100},
      "Weight of the regression of signed distances on labelled samples. Raise it when the "
      "distances stay coarse.");
  return beta;
}

at::Tensor distance_loss(const at::Tensor& map, const at::Tensor& p, const at::Tensor& label,
                         double beta, Step& step) {
  const int64_t b = label.size(0);
  const at::Tensor target = signed_distance(label).unsqueeze(1).to(map.options());
  const at::Tensor distance = symmetric_mse(map.slice(0, 0, b), target, *step.comm);
  const at::Tensor dice = dice_sq_fg(p.slice(0, 0, b), label, *step.comm);
  const at::Tensor supervised = dice + beta * distance;
  step.record("loss.signed_distance", distance);
  step.record("loss.supervised_dice", dice);
  step.record("loss.supervised", supervised);
  return supervised;
}

}  // namespace semiseg
