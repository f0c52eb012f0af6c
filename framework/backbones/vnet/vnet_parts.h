// SPDX-License-Identifier: Apache-2.0
// Blocks, encoder and decoder of the V-Net of HiLab-git/SSL4MIS networks/vnet.py, which several
// networks share. Block(n, i, o) = n × [conv 3³ → norm → ReLU]; down = conv 2³, stride 2 → norm →
// ReLU; up = a lift to twice the sides → norm → ReLU. Skips are added. f = `filters`.
//
//   encoder   block_one (1, f), block_two (2, 2f), block_three (3, 4f), block_four (3, 8f), each
//             with its way down block_…_dw, block_five (3, 16f), dropout
//   decoder   block_five_up, block_six (3, 8f), block_six_up, block_seven (3, 4f), block_seven_up,
//             block_eight (2, 2f), block_eight_up, block_nine (1, f), dropout
//
// Dropout drops whole channels.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/nn/norm.h"

namespace semiseg {

struct VNetOptions {
  int64_t filters = 16;
  NormOptions norm;
  double dropout = 0.5;
  bool residual = false;  // a block's input is added to its last norm, before the ReLU

  // Reads the keys filters, norm, norm_groups, dropout, residual.
  static VNetOptions read(const Config& section, const NetworkShape& shape, VNetOptions defaults);
};

// Throws kConfig unless the image has three sides, each a multiple of 16.
void check_vnet_size(at::IntArrayRef size, const char* network);

// A convolution, its norm and ReLU. In the reference's sequence a layer that is absent (no norm)
// has no number.
class VNetUnit {
 public:
  VNetUnit(const Module& sequence, int64_t position, const ConvOptions& conv,
           const NormOptions& norm);
  at::Tensor linear(const at::Tensor& x, const Pass& pass) const;  // without the ReLU
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;
  static int64_t layers(const NormOptions& norm) { return norm.kind == "none" ? 2 : 3; }

 private:
  Conv conv_;
  Norm norm_;
};

class VNetBlock {
 public:
  VNetBlock(const Module& module, int64_t count, int64_t in, int64_t out,
            const VNetOptions& options);
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;

 private:
  bool residual_;
  std::vector<VNetUnit> units_;
};

// The way to twice the sides: a transposed convolution, or an interpolation (trilinear with corners
// aligned, or nearest) and a convolution 3³ behind it.
enum class VNetLift { kTransposed, kTrilinear, kNearest };

class VNetUp {
 public:
  VNetUp(const Module& module, int64_t in, int64_t out, VNetLift lift, const NormOptions& norm);
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;

 private:
  VNetLift lift_;
  VNetUnit unit_;
};

class VNetEncoder {
 public:
  // Throws kConfig when residual blocks cannot add the image to their output.
  VNetEncoder(const Module& module, const VNetOptions& options, int64_t channels);
  // Returns the five levels, the finest first; the deepest after its dropout.
  std::vector<at::Tensor> operator()(const at::Tensor& image, const Pass& pass) const;

 private:
  std::vector<VNetBlock> blocks_;
  std::vector<VNetUnit> downs_;
  Dropout dropout_;
};

class VNetDecoder {
 public:
  // `last` names the last block where a reference calls it otherwise.
  VNetDecoder(const Module& module, const VNetOptions& options, VNetLift lift,
              const std::string& last = "block_nine");
  // Returns block_nine's output after its dropout, [N,f,S].
  at::Tensor operator()(const std::vector<at::Tensor>& levels, const Pass& pass) const;

 private:
  std::vector<VNetUp> ups_;
  std::vector<VNetBlock> blocks_;
  Dropout dropout_;
};

}  // namespace semiseg
