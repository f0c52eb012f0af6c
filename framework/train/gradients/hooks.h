// SPDX-License-Identifier: Apache-2.0
// Tells when a backward pass has a parameter's gradient ready, while it continues with the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "framework/nn/backbone.h"

namespace torch::autograd {
struct Node;
}

namespace semiseg {

// The hooks are registered as long as this object lives.
class GradientHooks {
 public:
  // ready(i) is called in every backward pass that reaches parameters[i], after its gradient is
  // complete in grad(), by the thread that runs the pass (on the CPU: the one that called it). A
  // parameter that needs no gradient now is never ready.
  GradientHooks(const std::vector<NamedTensor>& parameters,
                const std::function<void(size_t)>& ready);
  ~GradientHooks();
  GradientHooks(const GradientHooks&) = delete;
  GradientHooks& operator=(const GradientHooks&) = delete;

 private:
  struct Hook {
    std::shared_ptr<torch::autograd::Node> accumulator;
    uintptr_t key;
  };
  std::vector<Hook> hooks_;
};

}  // namespace semiseg
