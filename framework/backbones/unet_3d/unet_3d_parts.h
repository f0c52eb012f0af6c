// SPDX-License-Identifier: Apache-2.0
// Encoder and decoder of HiLab-git/SSL4MIS networks/unet_3D.py, which several networks share.
// Unit(i, o) = 2 × [conv 3³ → instance norm without scale → ReLU]. Five levels of f, 2f, 4f, 8f,
// 16f channels, a max-pool 2³ between them.
//
//   encoder   conv1 … conv4, center = Unit
//   decoder   up_concat4 … up_concat1 = trilinear ×2, [skip, up], Unit
//
// Weights begin by He et al. The reference's padding of skips of other sizes raises an error there;
// sides are multiples of 16 here.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/nn/layers.h"

namespace semiseg {

// Throws kConfig unless the image has three sides, each a multiple of 16.
void check_unet_3d_size(at::IntArrayRef size, const char* network);

// Reads the key filters: f.
int64_t read_unet_3d_filters(const Config& section);

// A convolution 1³ that begins by He et al.
ConvOptions pointwise_3d(int64_t in, int64_t out);

class UNet3dUnit {
 public:
  UNet3dUnit(const Module& module, int64_t in, int64_t out);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  Conv conv1_;
  GroupNorm norm1_;
  Conv conv2_;
  GroupNorm norm2_;
};

class UNet3dEncoder {
 public:
  UNet3dEncoder(const Module& root, int64_t channels, int64_t filters);
  // Returns the five levels, the finest first.
  std::vector<at::Tensor> operator()(const at::Tensor& image) const;

 private:
  std::vector<UNet3dUnit> units_;
};

class UNet3dDecoder {
 public:
  UNet3dDecoder(const Module& root, int64_t filters);
  // Returns the outputs of up_concat4 … up_concat1. `skips` are the four finer levels, finest
  // first.
  std::vector<at::Tensor> operator()(const at::Tensor& center,
                                     const std::vector<at::Tensor>& skips) const;

 private:
  std::vector<UNet3dUnit> units_;
};

// Trilinear, corners not aligned, to the size of an image.
at::Tensor resized_3d(const at::Tensor& x, at::IntArrayRef size);

}  // namespace semiseg
