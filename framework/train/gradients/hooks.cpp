// SPDX-License-Identifier: Apache-2.0
#include "framework/train/gradients/hooks.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace semiseg {

using torch::autograd::variable_list;

GradientHooks::GradientHooks(const std::vector<NamedTensor>& parameters,
                             const std::function<void(size_t)>& ready) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    // A tensor refers weakly to the node that accumulates its gradient; held here, it stays the
    // same one.
    auto accumulator = torch::autograd::impl::grad_accumulator(parameters[i].value);
    if (!accumulator) continue;
    const auto hook = [ready, i](const variable_list& outputs, const variable_list&) {
      ready(i);
      return outputs;
    };
    const uintptr_t key =
        accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(hook));
    hooks_.push_back({std::move(accumulator), key});
  }
}

GradientHooks::~GradientHooks() {
  for (const Hook& hook : hooks_) hook.accumulator->del_post_hook(hook.key);
}

}  // namespace semiseg
