// SPDX-License-Identifier: Apache-2.0
// The common start of tests of single layers.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <string>
#include <utility>

#include "framework/nn/layers.h"
#include "launch/parity/parity_case.h"

namespace semiseg {

inline const auto kSerial = make_serial_communicator();
inline const Draws kDraws = Draws(7).at(0, 3);

inline at::Tensor noise(const std::string& key, at::IntArrayRef shape, double low = -1,
                        double high = 1) {
  return generate(key, shape, low, high, at::kDouble);
}

inline Pass train_pass(const Communicator& comm, SampleIds samples = {}) {
  return {NetworkMode::kTrain, &comm, &kDraws, "pass", std::move(samples)};
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace semiseg
