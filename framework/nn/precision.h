// SPDX-License-Identifier: Apache-2.0
// The arithmetic of networks: protocol.precision. float32 and float64 are the dtype of everything;
// tf32 rounds the products of a GPU's convolutions to 10 bits; bfloat16 keeps images and all
// activations of a network in bfloat16, and its parameters, statistics, outputs and the losses in
// float32; float16 does the same in float16, on a GPU. Sums inside a layer are float32 in all of
// them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/nn/backbone.h"

namespace semiseg {

// kConfig for a precision that the device does not have. `where`: the key that asks for it.
void check_precision(const std::string& precision, at::Device device, const std::string& where);

// What "auto" stands for on one machine or another. The first is the fastest on this device: tf32
// on a GPU; on the CPU bfloat16 where the processor has instructions for its products (AVX512-BF16;
// about 1.7 times as fast), else float32. Not timed: a busy moment would make another experiment of
// the same command.
std::vector<std::string> precisions_of_auto(at::Device device);

// The network as `precision` wants it.
std::unique_ptr<Backbone> with_precision(std::unique_ptr<Backbone> network,
                                         const std::string& precision);

}  // namespace semiseg
