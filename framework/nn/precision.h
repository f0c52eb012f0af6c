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

// Throws kConfig for a precision that the device does not support. `where` is the key that asks for
// it.
void check_precision(const std::string& precision, at::Device device, const std::string& where);

// Returns the precisions that "auto" can mean, the fastest on this device first: tf32 on a GPU; on
// the CPU bfloat16 where the processor has instructions for its products (AVX512-BF16; about 1.7
// times as fast), else float32. The choice is not timed, because a busy machine would then change
// the experiment.
std::vector<std::string> precisions_of_auto(at::Device device);

// Wraps the network so that it computes in `precision`.
std::unique_ptr<Backbone> with_precision(std::unique_ptr<Backbone> network,
                                         const std::string& precision);

}  // namespace semiseg
