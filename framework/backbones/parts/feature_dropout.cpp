// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/feature_dropout.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <string>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr int64_t kCopyShift = 40;  // ids of samples are far below 2^40

SampleIds ids_from(int64_t first, const Pass& pass) {
  return {pass.samples.begin() + first, pass.samples.end()};
}

at::Tensor dropped(const at::Tensor& level, const FeatureDropout& dropout, size_t place,
                   const Pass& pass) {
  SEMISEG_CHECK(pass.draws && static_cast<int64_t>(pass.samples.size()) == level.size(0),
                "a pass with feature dropout needs draws and one id for each sample");
  at::Tensor keep = pass.draws->at_least(dropout.p, dropout.draw + "." + std::to_string(place),
                                         {level.size(1)}, ids_from(dropout.first, pass));
  for (int64_t axis = 2; axis < level.dim(); ++axis) keep = keep.unsqueeze(-1);
  return level.slice(0, dropout.first) * keep.to(level.scalar_type()).mul_(1 / (1 - dropout.p));
}

}  // namespace

std::vector<at::Tensor> with_dropped_features(const std::vector<at::Tensor>& levels,
                                              const Pass& pass) {
  if (pass.feature_dropouts.empty()) return levels;
  std::vector<at::Tensor> all;
  for (size_t place = 0; place < levels.size(); ++place) {
    std::vector<at::Tensor> copies = {levels[place]};
    for (const FeatureDropout& dropout : pass.feature_dropouts)
      copies.push_back(dropped(levels[place], dropout, place, pass));
    all.push_back(at::cat(copies));
  }
  return all;
}

Pass pass_of_copies(const Pass& pass) {
  Pass all = pass;
  int64_t copy = 0;
  for (const FeatureDropout& dropout : pass.feature_dropouts) {
    ++copy;
    for (const int64_t sample : ids_from(dropout.first, pass))
      all.samples.push_back(sample + (copy << kCopyShift));
  }
  return all;
}

NetworkOutput split_copies(const at::Tensor& logits, const at::Tensor& features, const Pass& pass) {
  if (pass.feature_dropouts.empty()) return {logits, features, {}};
  auto place = static_cast<int64_t>(pass.samples.size());
  NetworkOutput out{logits.narrow(0, 0, place), features.narrow(0, 0, place), {}};
  for (const FeatureDropout& dropout : pass.feature_dropouts) {
    const int64_t size = static_cast<int64_t>(pass.samples.size()) - dropout.first;
    out.others.push_back({dropout.head, logits.narrow(0, place, size)});
    place += size;
  }
  return out;
}

}  // namespace semiseg
