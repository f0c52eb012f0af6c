// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/mixing/permuted_paste.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>

namespace semiseg {
namespace {

constexpr double kBeta = 4;
constexpr int64_t kMargin = 8;  // centres lie behind the first eighth of a side

std::vector<int64_t> draw_centre(at::IntArrayRef size, int64_t axes, DrawSequence& sequence) {
  std::vector<int64_t> centre;
  for (int64_t axis = 0; axis < axes; ++axis) {
    const int64_t side = size[static_cast<size_t>(axis)];
    centre.push_back(sequence.integer(side / kMargin, side));
  }
  return centre;
}

}  // namespace

at::Tensor PermutedPaste::of(const at::Tensor& batch) const {
  if (batch.size(0) == 0) return batch;
  const at::Tensor other = batch.index_select(0, partner.to(batch.device()));
  const at::Tensor where =
      (batch.dim() > inside.dim() ? inside.unsqueeze(1) : inside).to(batch.device());
  return at::where(where, other, batch);
}

PermutedPaste draw_paste(const std::string& suffix, const SampleIds& samples, at::IntArrayRef size,
                         int64_t axes, const Step& step) {
  const auto count = static_cast<int64_t>(samples.size());
  std::vector<int64_t> shape = size.vec();
  shape.insert(shape.begin(), count);
  PermutedPaste paste{.inside = at::zeros(shape, at::kBool)};
  if (count == 0) return paste;
  paste.partner = step.draws->permutation("mix_permutation" + suffix, count);
  const double ratio =
      step.draws->beta("mix_ratio" + suffix, kBeta, kBeta, {0}).to(at::kCPU).item<double>();
  const at::Tensor centres = step.draws->integers_of(
      "mix_box_centre" + suffix, axes, samples,
      [&](DrawSequence& sequence) { return draw_centre(size, axes, sequence); });
  for (int64_t i = 0; i < count; ++i) {
    at::Tensor box = paste.inside[i];
    for (int64_t axis = 0; axis < axes; ++axis) {
      const int64_t side = size[static_cast<size_t>(axis)],
                    cut = static_cast<int64_t>(static_cast<double>(side) * std::sqrt(1 - ratio)),
                    centre = centres[i][axis].item<int64_t>();
      box = box.slice(axis, std::clamp<int64_t>(centre - cut / 2, 0, side),
                      std::clamp<int64_t>(centre + cut / 2, 0, side));
    }
    box.fill_(true);
  }
  return paste;
}

}  // namespace semiseg
