// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/kernels/conv_gradient.h"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

namespace semiseg {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Samples that oneDNN adds at a time. Sums of bfloat16 it rounds at the end, so the fewer the
// better.
int64_t group_of(const at::Tensor& x) { return x.scalar_type() == at::kFloat ? 8 : x.size(0); }

class Convolution : public torch::autograd::Function<Convolution> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& kernel,
                            const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                            at::IntArrayRef padding) {
    context->save_for_backward({x, kernel});
    context->saved_data["stride"] = stride.vec();
    context->saved_data["padding"] = padding.vec();
    context->saved_data["has_bias"] = bias.has_value();
    const std::vector<int64_t> dilation(stride.size(), 1);
    return at::mkldnn_convolution(x, kernel, bias, padding, stride, dilation, /*groups=*/1);
  }

  static variable_list backward(AutogradContext* context, variable_list outer) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &kernel = saved[1];
    const std::vector<int64_t> stride = context->saved_data["stride"].toIntVector(),
                               padding = context->saved_data["padding"].toIntVector(),
                               ones(stride.size(), 1), zeros(stride.size(), 0);
    const at::Tensor dy = outer[0].contiguous(x.suggest_memory_format());
    const auto gradients = [&](int64_t first, int64_t count, std::array<bool, 3> wanted) {
      return at::convolution_backward(dy.narrow(0, first, count), x.narrow(0, first, count), kernel,
                                      at::IntArrayRef(kernel.size(0)), stride, padding, ones,
                                      /*transposed=*/false, zeros, /*groups=*/1, wanted);
    };
    variable_list result(5);
    if (context->needs_input_grad(0))
      result[0] = std::get<0>(gradients(0, x.size(0), {true, false, false}));
    const bool to_kernel = context->needs_input_grad(1),
               to_bias = context->saved_data["has_bias"].toBool() && context->needs_input_grad(2);
    const int64_t group = group_of(x);
    for (int64_t first = 0; first < x.size(0) && (to_kernel || to_bias); first += group) {
      const auto [_, of_kernel, of_bias] =
          gradients(first, std::min(group, x.size(0) - first), {false, to_kernel, to_bias});
      if (first == 0) {
        result[1] = of_kernel;
        result[2] = of_bias;
        continue;
      }
      if (to_kernel) result[1].add_(of_kernel);
      if (to_bias) result[2].add_(of_bias);
    }
    return result;
  }
};

}  // namespace

at::Tensor onednn_convolution(const at::Tensor& x, const at::Tensor& kernel,
                              const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                              at::IntArrayRef padding) {
  return Convolution::apply(x, kernel, bias, stride, padding);
}

}  // namespace semiseg
