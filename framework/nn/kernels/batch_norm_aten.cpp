// SPDX-License-Identifier: Apache-2.0
// One rank: ATen's norm. Several: the same with statistics and sums exchanged, by functions that are
// defined on every device, so that tests on the CPU run the lines that GPUs run.
#include "framework/nn/kernels/global_moments.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <initializer_list>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

int64_t values_per_channel(const at::Tensor& x) {
  return x.size(1) == 0 ? 0 : x.numel() / x.size(1);
}

// As [1,C,1…], to go with x [N,C,S], in the dtype of the norm's parameters.
at::Tensor along_channels(const at::Tensor& values, const at::Tensor& x, at::ScalarType dtype) {
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[1] = x.size(1);
  return values.to(dtype).view(shape);
}

// [2,C] float64: mean and Σ (x - mean)².
at::Tensor moments_of(const at::Tensor& x, at::ScalarType dtype) {
  const int64_t channels = x.size(1), count = values_per_channel(x);
  if (count == 0) return at::zeros({2, channels}, x.options().dtype(at::kDouble));
  // The dtype of these, which keep their values, is that of the moments.
  const at::Tensor unused = at::zeros({channels}, x.options().dtype(dtype));
  const auto [mean, variance] =
      at::batch_norm_update_stats(x, unused, unused.clone(), /*momentum=*/0);
  return at::stack({mean.to(at::kDouble), variance.to(at::kDouble) * count});
}

// Checks the tensors [C] beside the image, because CUDA's kernels do not check all that they need, or
// stop the program.
void check_channels(const at::Tensor& x, std::initializer_list<at::Tensor> of_channels) {
  for (const at::Tensor& values : of_channels) {
    SEMISEG_CHECK(values.defined() && values.device() == x.device() && values.dim() == 1 &&
                      values.size(0) == x.size(1),
                  "a batch norm has one value for each channel, beside the image");
    SEMISEG_CHECK(
        values.scalar_type() == (x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat),
        "the values of a batch norm's channels are float32, or float64 as the image is");
  }
}

// [2,C] in the dtype of `weight`: Σ dy and Σ dy·x̂ of this rank. The backward of a norm in training
// mode reads the statistics that the forward saved, all of which are given.
at::Tensor gradient_sums(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                         const at::Tensor& mean, const at::Tensor& inverse) {
  if (x.numel() == 0) return at::zeros({2, x.size(1)}, weight.options());
  check_channels(x, {weight, mean, inverse});
  const auto [dx, of_weight, of_bias] = at::native_batch_norm_backward(
      dy, x, weight, /*running_mean=*/mean, /*running_var=*/inverse, /*save_mean=*/mean,
      /*save_invstd=*/inverse, /*train=*/true, /*eps=*/0, {false, true, true});
  return at::stack({of_bias, of_weight});
}

class SyncBatchNorm : public torch::autograd::Function<SyncBatchNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const BatchNormTensors* norm,
                            const Communicator* comm) {
    const at::ScalarType dtype = weight.scalar_type();
    const Moments moments = global_moments(moments_of(x, dtype), values_per_channel(x), *comm);
    check_count(moments.count, norm->path);
    const at::Tensor mean = moments.mean.to(dtype);
    const at::Tensor variance = (moments.squares / moments.count).to(dtype);
    move_running_statistics(moments, *norm);
    context->save_for_backward({x, weight, mean, variance});
    context->saved_data["epsilon"] = norm->epsilon;
    context->saved_data["count"] = moments.count;
    context->saved_data["comm"] = reinterpret_cast<int64_t>(comm);
    if (x.numel() == 0) return at::empty_like(x);
    check_channels(x, {weight, bias, mean, variance});
    return std::get<0>(at::native_batch_norm(x, weight, bias, mean, variance, /*training=*/false,
                                             norm->momentum, norm->epsilon));
  }

  // dx = w·s·(dy - Σdy/n - x̂·Σ(dy·x̂)/n), s = 1/√(var + ε), x̂ = (x - mean)·s; sums over all
  // ranks.
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &variance = saved[3];
    const double epsilon = context->saved_data["epsilon"].toDouble(),
                 count = context->saved_data["count"].toDouble();
    const auto& comm = *reinterpret_cast<const Communicator*>(context->saved_data["comm"].toInt());
    const at::Tensor gradient =
        gradients[0].to(x.scalar_type()).contiguous(x.suggest_memory_format());
    const at::Tensor scale = (variance.to(at::kDouble) + epsilon).rsqrt();
    const at::Tensor local =
        gradient_sums(gradient, x, weight, mean, scale.to(weight.scalar_type()));
    at::Tensor sums = local.to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
    comm.all_reduce(sums, "batch_norm_backward");
    const at::Tensor slope = weight.to(at::kDouble) * scale;
    const auto along = [&](const at::Tensor& values) {
      return along_channels(values, x, weight.scalar_type());
    };
    at::Tensor dx = (x - along(mean)).mul_(along(-slope * scale * sums[1] / count));
    dx.sub_(along(slope * sums[0] / count)).addcmul_(gradient, along(slope));
    return {dx.to(x.scalar_type()), local[1], local[0], {}, {}};
  }
};

}  // namespace

at::Tensor batch_norm_aten(const at::Tensor& x, const BatchNormTensors& norm,
                           const AfterNorm& after, const Communicator& comm) {
  at::Tensor y;
  if (comm.size() == 1) {
    check_count(static_cast<double>(values_per_channel(x)), norm.path);
    y = at::batch_norm(x, norm.weight, norm.bias, norm.running_mean, norm.running_var,
                       /*training=*/true, norm.momentum, norm.epsilon, /*cudnn_enabled=*/true);
  } else {
    y = SyncBatchNorm::apply(x, norm.weight, norm.bias, &norm, &comm);
  }
  // In place: the backward of a norm reads its input, not its output.
  if (after.slope != 1) y = at::leaky_relu_(y, after.slope);
  return after.keep.defined() ? y * after.keep.to(y.scalar_type()).mul_(after.keep_scale) : y;
}

}  // namespace semiseg
