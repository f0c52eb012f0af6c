// SPDX-License-Identifier: Apache-2.0
// Parts of nnU-Net (Isensee et al., Nature Methods 2021) in two and three dimensions, with the
// names of MIC-DKFZ/dynamic-network-architectures. Unit = conv → instance norm with scale →
// LeakyReLU 0.01. Weights begin by He et al. for the slope 0.01, biases with 0.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "framework/nn/layers.h"

namespace semiseg {

using Sides = std::vector<int64_t>;  // one for each spatial axis

class NnUNetUnit {
 public:
  // `norm` names the norm's child. Without activation the unit ends with its norm.
  NnUNetUnit(const Module& module, const ConvOptions& conv, bool activates = true,
             const char* norm = "norm");
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  Conv conv_;
  GroupNorm norm_;
  bool activates_;
};

// Returns the options of a convolution of a unit that keeps sides, or divides them by its stride.
ConvOptions nnunet_conv(int64_t in, int64_t out, const Sides& kernel, const Sides& stride,
                        bool bias = true);

// The plan of a network, stage by stage, the finest first.
struct NnUNetPlan {
  std::vector<int64_t> features;
  std::vector<Sides> kernels, strides;
  std::vector<int64_t> encoder, decoder;  // convolutions (or blocks) of a stage
  bool deep_supervision = false;

  // Reads the keys features, kernel_sizes, strides, `encoder_key`, convolutions_per_stage_decoder,
  // deep_supervision. The defaults depend on the number of axes. Throws kConfig when the lists do
  // not fit together.
  static NnUNetPlan read(const Config& section, const NetworkShape& shape,
                         const std::string& encoder_key, const std::vector<int64_t>& encoder);
  size_t stages() const { return features.size(); }
  // Throws kConfig unless the sides are multiples of the product of all strides.
  void check_size(at::IntArrayRef size, const char* network) const;
};

// transposed conv of kernel = stride → [up, skip] → units, at each stage; a 1×1 head at every
// stage.
class NnUNetDecoder {
 public:
  NnUNetDecoder(const Module& module, const NnUNetPlan& plan, int64_t classes);
  // `levels`: of the encoder, the finest first. With deep supervision the heads of the coarser
  // stages follow as aux1 (half the resolution), aux2, …
  NetworkOutput operator()(const std::vector<at::Tensor>& levels, const Pass& pass) const;
  Classifier classifier() const;

 private:
  bool deep_supervision_;
  std::vector<std::vector<NnUNetUnit>> stages_;  // coarsest first
  std::vector<Conv> lifts_, heads_;
};

}  // namespace semiseg
