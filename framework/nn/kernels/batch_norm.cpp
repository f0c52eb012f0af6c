// SPDX-License-Identifier: Apache-2.0
// The CPU's form; that of GPUs is in batch_norm_aten.cpp.
#include "framework/nn/kernels/batch_norm.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/core/error.h"
#include "framework/nn/kernels/global_moments.h"
#include "framework/nn/kernels/norm_passes.h"

namespace semiseg {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(x.dim() == 5 ? at::MemoryFormat::ChannelsLast3d
                                   : at::MemoryFormat::ChannelsLast);
}

class ActivatedNorm : public torch::autograd::Function<ActivatedNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& image,
                            const at::Tensor& weight, const at::Tensor& bias,
                            const BatchNormTensors* norm, const AfterNorm* after,
                            const Communicator* comm) {
    const at::Tensor x = channels_last(image);
    const int64_t count = x.size(1) == 0 ? 0 : x.numel() / x.size(1);
    const Moments moments = global_moments(local_moments(x), count, *comm);
    check_count(moments.count, norm->path);
    move_running_statistics(moments, *norm);
    AfterNorm behind = *after;
    if (behind.keep.defined()) behind.keep = channels_last(behind.keep);
    context->save_for_backward({x, weight, bias, behind.keep});
    context->saved_data["mean"] = moments.mean;
    context->saved_data["inverse"] = (moments.squares / moments.count + norm->epsilon).rsqrt();
    context->saved_data["count"] = moments.count;
    context->saved_data["slope"] = behind.slope;
    context->saved_data["keep_scale"] = behind.keep_scale;
    context->saved_data["comm"] = reinterpret_cast<int64_t>(comm);
    return normalise(x, coefficients(context, weight, bias), behind);
  }

  // dx = s (d - Σd/n - (x - mean) Σ(d (x - mean)) / (n (var + ε))), s = w/√(var + ε); sums over all
  // ranks; d is the gradient at the norm's output.
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2];
    const AfterNorm after{.slope = context->saved_data["slope"].toDouble(),
                          .keep = saved[3],
                          .keep_scale = context->saved_data["keep_scale"].toDouble()};
    const auto& comm = *reinterpret_cast<const Communicator*>(context->saved_data["comm"].toInt());
    const double count = context->saved_data["count"].toDouble();
    const at::Tensor inverse = context->saved_data["inverse"].toTensor();
    const NormCoefficients norm = coefficients(context, weight, bias);
    const at::Tensor dy = channels_last(gradients[0].to(x.scalar_type()));
    at::Tensor sums = gradient_sums(dy, x, norm, after);
    const at::Tensor of_weight = (sums[1] * inverse).to(weight.scalar_type()),
                     of_bias = at::empty_like(bias).copy_(sums[0]);
    comm.all_reduce(sums, "batch_norm_backward");
    const at::Tensor scale = weight.to(at::kDouble) * inverse;
    const at::Tensor dx = input_gradient(
        dy, x, norm, after, -scale * inverse.square() * sums[1] / count, -scale * sums[0] / count);
    return {dx, of_weight, of_bias, {}, {}, {}};
  }

 private:
  static NormCoefficients coefficients(AutogradContext* context, const at::Tensor& weight,
                                       const at::Tensor& bias) {
    const at::Tensor mean = context->saved_data["mean"].toTensor();
    const at::Tensor scale =
        weight.detach().to(at::kDouble) * context->saved_data["inverse"].toTensor();
    return {mean, scale, bias.detach().to(at::kDouble) - mean * scale};
  }
};

}  // namespace

void check_count(double count, const std::string& path) {
  if (count > 1) return;
  throw Error(ErrorKind::kConfig,
              {.what = "a batch norm in training mode needs more than one value for each channel",
               .where = path,
               .got = std::to_string(static_cast<int64_t>(count)),
               .fix = "use a larger protocol.batch or protocol.patch_size"});
}

Moments global_moments(const at::Tensor& local, int64_t count, const Communicator& comm) {
  const int64_t channels = local.size(1);
  at::Tensor message = at::zeros({1, 1 + 2 * channels}, local.options());
  message.select(1, 0).fill_(static_cast<double>(count));
  message[0].slice(0, 1).copy_(local.flatten());
  const at::Tensor all = comm.gather(message, "batch_norm");  // [R,1+2C]
  const at::Tensor counts = all.slice(1, 0, 1), means = all.slice(1, 1, 1 + channels);
  const at::Tensor total = counts.sum();
  const at::Tensor mean = (counts * means).sum(0) / total;
  const at::Tensor between = (counts * (means - mean).square()).sum(0);
  return {total.item<double>(), mean, all.slice(1, 1 + channels).sum(0) + between};
}

void move_running_statistics(const Moments& moments, const BatchNormTensors& norm) {
  at::Tensor mean = norm.running_mean, var = norm.running_var;
  mean.mul_(1 - norm.momentum).add_(moments.mean.to(mean.scalar_type()), norm.momentum);
  var.mul_(1 - norm.momentum)
      .add_((moments.squares / (moments.count - 1)).to(var.scalar_type()), norm.momentum);
}

at::Tensor batch_norm(const at::Tensor& x, const BatchNormTensors& norm, const AfterNorm& after,
                      const Communicator& comm) {
  if (!x.device().is_cpu()) return batch_norm_aten(x, norm, after, comm);
  return ActivatedNorm::apply(x, norm.weight, norm.bias, &norm, &after, &comm);
}

}  // namespace semiseg
