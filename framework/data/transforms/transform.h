// SPDX-License-Identifier: Apache-2.0
// The interface of a transform: one step of a view, which changes the intensities of a patch.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>

#include "framework/config/config.h"
#include "framework/core/plugins/registry.h"
#include "framework/core/random/draws.h"

namespace semiseg {

class Transform {
 public:
  virtual ~Transform() = default;
  // image [C,h,w] or [C,d,h,w] float32, contiguous, on the CPU. Returns such a tensor of the same
  // sizes, the image itself where nothing changes. Draws all its numbers from `numbers`, as many for every image of these sizes.
  // Thread-safe: loader threads share the transform.
  virtual at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const = 0;
};

struct TransformEntry {
  static const char* kind() { return "transform"; }
  std::string name, summary;
  // Reads the options of one step of a view. Needs no data.
  std::function<std::unique_ptr<Transform>(const Config& options)> make;
};
using TransformRegistry = Registry<TransformEntry>;

}  // namespace semiseg
