// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/sync_batch_norm.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

int64_t values_per_channel(const at::Tensor& x) {
  return x.size(1) == 0 ? 0 : x.numel() / x.size(1);
}

void check_count(int64_t count, const std::string& path) {
  if (count > 1) return;
  throw Error(ErrorKind::kConfig,
              {.what = "a batch norm in training mode needs more than one value for each channel",
               .where = path,
               .got = std::to_string(count),
               .fix = "use a larger protocol.batch or protocol.patch_size"});
}

// As [1,C,1…], to go with x [N,C,S], in the dtype of the norm's parameters.
at::Tensor along_channels(const at::Tensor& values, const at::Tensor& x, at::ScalarType dtype) {
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[1] = x.size(1);
  return values.to(dtype).view(shape);
}

struct Moments {
  double count;              // values of a channel, all ranks
  at::Tensor mean, squares;  // [C] float64; squares: Σ (x - mean)²
};

Moments global_moments(const at::Tensor& x, at::ScalarType dtype, const Communicator& comm) {
  const int64_t channels = x.size(1), count = values_per_channel(x);
  at::Tensor message = at::zeros({1, 1 + 2 * channels}, x.options().dtype(at::kDouble));
  if (count > 0) {
    // The dtype of these, which keep their values, is that of the moments.
    const at::Tensor unused = at::zeros({channels}, x.options().dtype(dtype));
    const auto [mean, variance] =
        at::batch_norm_update_stats(x, unused, unused.clone(), /*momentum=*/0);
    message.select(1, 0).fill_(static_cast<double>(count));
    message[0].slice(0, 1, 1 + channels).copy_(mean);
    message[0].slice(0, 1 + channels).copy_(variance).mul_(static_cast<double>(count));
  }
  const at::Tensor all = comm.gather(message, "batch_norm");  // [R,1+2C]
  const at::Tensor counts = all.slice(1, 0, 1), means = all.slice(1, 1, 1 + channels);
  const at::Tensor total = counts.sum();
  const at::Tensor mean = (counts * means).sum(0) / total;
  const at::Tensor between = (counts * (means - mean).square()).sum(0);
  return {total.item<double>(), mean, all.slice(1, 1 + channels).sum(0) + between};
}

class SyncBatchNorm : public torch::autograd::Function<SyncBatchNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const BatchNormTensors* norm,
                            const Communicator* comm) {
    const at::ScalarType dtype = weight.scalar_type();
    const Moments moments = global_moments(x, dtype, *comm);
    check_count(static_cast<int64_t>(moments.count), norm->path);
    const at::Tensor mean = moments.mean.to(dtype);
    const at::Tensor variance = (moments.squares / moments.count).to(dtype);
    at::Tensor running_mean = norm->running_mean, running_var = norm->running_var;
    running_mean.mul_(1 - norm->momentum).add_(mean, norm->momentum);
    running_var.mul_(1 - norm->momentum)
        .add_((moments.squares / (moments.count - 1)).to(dtype), norm->momentum);
    context->save_for_backward({x, weight, mean, variance});
    context->saved_data["epsilon"] = norm->epsilon;
    context->saved_data["count"] = moments.count;
    context->saved_data["comm"] = reinterpret_cast<int64_t>(comm);
    if (x.numel() == 0) return at::empty_like(x);
    return std::get<0>(at::native_batch_norm(x, weight, bias, mean, variance, /*training=*/false,
                                             norm->momentum, norm->epsilon));
  }

  // dx = w·s·(dy - Σdy/n - x̂·Σ(dy·x̂)/n), s = 1/√(var + ε), x̂ = (x - mean)·s; sums over all ranks.
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &variance = saved[3];
    const double epsilon = context->saved_data["epsilon"].toDouble(),
                 count = context->saved_data["count"].toDouble();
    const auto& comm = *reinterpret_cast<const Communicator*>(context->saved_data["comm"].toInt());
    const at::Tensor gradient = gradients[0].contiguous(x.suggest_memory_format());
    at::Tensor local_weight = at::zeros_like(weight), local_bias = at::zeros_like(weight);
    if (x.numel() > 0) {
      std::tie(std::ignore, local_weight, local_bias) =
          at::native_batch_norm_backward(gradient, x, weight, mean, variance, {}, {},
                                         /*train=*/false, epsilon, {false, true, true});
    }
    at::Tensor sums = at::stack({local_weight, local_bias}).to(at::kDouble);
    comm.all_reduce(sums, "batch_norm_backward");
    const at::Tensor scale = (variance.to(at::kDouble) + epsilon).rsqrt();
    const at::Tensor slope = weight.to(at::kDouble) * scale;
    const auto along = [&](const at::Tensor& values) {
      return along_channels(values, x, weight.scalar_type());
    };
    at::Tensor dx = (x - along(mean)).mul_(along(-slope * scale * sums[0] / count));
    dx.sub_(along(slope * sums[1] / count)).addcmul_(gradient, along(slope));
    return {dx.to(x.scalar_type()), local_weight, local_bias, {}, {}};
  }
};

}  // namespace

at::Tensor local_batch_norm(const at::Tensor& x, const BatchNormTensors& norm) {
  check_count(values_per_channel(x), norm.path);
  return at::batch_norm(x, norm.weight, norm.bias, norm.running_mean, norm.running_var,
                        /*training=*/true, norm.momentum, norm.epsilon, /*cudnn_enabled=*/true);
}

at::Tensor sync_batch_norm(const at::Tensor& x, const BatchNormTensors& norm,
                           const Communicator& comm) {
  return SyncBatchNorm::apply(x, norm.weight, norm.bias, &norm, &comm);
}

}  // namespace semiseg
