// SPDX-License-Identifier: Apache-2.0
// Encoder and decoder of the 2-D U-Net of HiLab-git/SSL4MIS networks/unet.py, which several
// networks share. Block(i, o, p) = conv 3×3 → BN → LeakyReLU 0.01 → dropout p → conv 3×3 → BN →
// LeakyReLU 0.01. Five levels, the finest first; each halves the sides and has its own width and
// dropout.
//
//   encoder   in_conv = Block;  down1 … down4 = max-pool 2, Block
//   decoder   up1 … up4 = lift ×2, [skip, up], Block without dropout
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/nn/layers.h"

namespace semiseg {

struct UNetOptions {
  std::vector<int64_t> filters = {16, 32, 64, 128, 256};
  std::vector<double> dropout = {0.05, 0.1, 0.2, 0.3, 0.5};

  // Reads the keys filters, dropout. Throws kConfig unless both have five entries.
  static UNetOptions read(const Config& section);
};

// Throws kConfig unless the image has two sides, each a multiple of 16.
void check_unet_size(at::IntArrayRef size, const char* network);

class UNetBlock {
 public:
  UNetBlock(const Module& module, int64_t in, int64_t out, double dropout);
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;

 private:
  Conv conv0_;
  BatchNorm norm0_;
  Dropout dropout_;
  Conv conv1_;
  BatchNorm norm1_;
};

class UNetEncoder {
 public:
  UNetEncoder(const Module& module, const UNetOptions& options, int64_t channels);
  // Returns the five levels [N,C,S], the finest first.
  std::vector<at::Tensor> operator()(const at::Tensor& image, const Pass& pass) const;

 private:
  std::vector<UNetBlock> blocks_;
};

// The way to twice the sides. Bilinear, nearest and bicubic ones halve the channels by a 1×1
// convolution first; corners are aligned.
enum class UNetLift { kBilinear, kTransposed, kNearest, kBicubic };

class UNetUp {
 public:
  UNetUp(const Module& module, int64_t in, int64_t out, UNetLift lift);
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& skip, const Pass& pass) const;

 private:
  UNetLift kind_;
  Conv lift_;
  UNetBlock block_;
};

class UNetDecoder {
 public:
  UNetDecoder(const Module& module, const UNetOptions& options, UNetLift lift);
  // Returns the outputs of up1 … up4 for the levels of the encoder; the last are the features.
  std::vector<at::Tensor> operator()(const std::vector<at::Tensor>& levels, const Pass& pass) const;

 private:
  std::vector<UNetUp> ups_;
};

// Returns the options of a 3 × 3 convolution to the logits.
ConvOptions unet_head(int64_t features, int64_t classes);

}  // namespace semiseg
