// SPDX-License-Identifier: Apache-2.0
// The encoder of ResNet-34 (He et al., CVPR 2016) at full resolution, as WYC-321/MCF and
// pascalcpp/SDCL have it: stem conv 7, stride 1, without bias → norm → ReLU of 16 channels; stages
// of 3, 4, 6, 3 basic blocks of 32, 64, 128, 256 channels, each halving the sides in its first
// block. A block = conv 3 → norm → ReLU → conv 3 → norm, + input (through conv 1 → norm where it
// shrinks) → ReLU. No convolution has a bias.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/nn/norm.h"

namespace semiseg {

struct ResNetEncoderOptions {
  int64_t axes = 3;
  int64_t filters = 16;  // of the stem; doubled in each stage
  NormOptions norm;
  std::optional<double> he_slope;  // initial weights as ConvOptions has them
};

class ResNetEncoder {
 public:
  ResNetEncoder(const Module& module, const ResNetEncoderOptions& options, int64_t channels);
  // Returns the five levels, the finest first.
  std::vector<at::Tensor> operator()(const at::Tensor& image, const Pass& pass) const;

 private:
  struct Block {
    Block(const Module& module, int64_t in, int64_t out, const ResNetEncoderOptions& options);
    at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;
    Conv conv1;
    Norm norm1;
    Conv conv2;
    Norm norm2;
    std::optional<Conv> shortcut;
    std::optional<Norm> shortcut_norm;
  };

  Conv stem_;
  Norm stem_norm_;
  std::vector<std::vector<Block>> stages_;
};

}  // namespace semiseg
