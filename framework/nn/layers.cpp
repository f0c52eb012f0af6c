// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/layers.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <optional>

#include "framework/core/error.h"
#include "framework/nn/kernels/batch_norm.h"

namespace semiseg {
namespace {

// In place: the backward of neither a convolution nor a norm reads its output.
at::Tensor activate_(at::Tensor x, double slope) {
  return slope == 1 ? x : at::leaky_relu_(x, slope);
}

}  // namespace

BatchNorm::BatchNorm(const Module& module, int64_t channels, double epsilon, double momentum)
    : path_(module.path()),
      epsilon_(epsilon),
      momentum_(momentum),
      weight_(module.constant_parameter("weight", {channels}, 1)),
      bias_(module.constant_parameter("bias", {channels}, 0)),
      running_mean_(module.constant_buffer("running_mean", {channels}, 0)),
      running_var_(module.constant_buffer("running_var", {channels}, 1)),
      num_batches_tracked_(module.counter_buffer("num_batches_tracked")) {}

at::Tensor BatchNorm::operator()(const at::Tensor& x, const Pass& pass, double slope,
                                 const Dropout* dropout) const {
  if (pass.mode == NetworkMode::kEval) {
    return activate_(at::batch_norm(x, weight_, bias_, running_mean_, running_var_,
                                    /*training=*/false, momentum_, epsilon_,
                                    /*cudnn_enabled=*/true),
                     slope);
  }
  SEMISEG_CHECK(pass.comm, "a pass in training mode needs a communicator");
  if (pass.tracks) num_batches_tracked_.add_(1);
  const auto statistics = [&](const at::Tensor& t) { return pass.tracks ? t : t.clone(); };
  const BatchNormTensors tensors{
      weight_,   bias_, statistics(running_mean_), statistics(running_var_), epsilon_,
      momentum_, path_};
  AfterNorm after{.slope = slope};
  if (dropout && dropout->p() > 0) {
    after.keep = dropout->keep(x, pass).expand_as(x);
    after.keep_scale = 1 / (1 - dropout->p());
  }
  return batch_norm(x, tensors, after, *pass.comm);
}

at::Tensor BatchNorm::after(const Conv& conv, const at::Tensor& x, const Pass& pass, double slope,
                            const Dropout* dropout) const {
  if (pass.mode == NetworkMode::kTrain) return (*this)(conv(x), pass, slope, dropout);
  const at::Tensor scale = weight_ * (running_var_ + epsilon_).rsqrt();
  return conv.scaled(x, scale, at::addcmul(bias_, running_mean_, scale, /*value=*/-1), slope);
}

GroupNorm::GroupNorm(const Module& module, int64_t channels, int64_t groups, bool affine,
                     double epsilon)
    : path_(module.path()), groups_(groups), epsilon_(epsilon) {
  SEMISEG_CHECK(groups > 0 && channels % groups == 0, "groups must divide the channels");
  if (!affine) return;
  weight_ = module.constant_parameter("weight", {channels}, 1);
  bias_ = module.constant_parameter("bias", {channels}, 0);
}

at::Tensor GroupNorm::operator()(const at::Tensor& x) const {
  if (x.size(0) == 0) return x;
  const int64_t count = x.numel() / (x.size(0) * groups_);
  if (count <= 1) {
    throw Error(ErrorKind::kConfig,
                {.what = "a normalisation of each sample needs more than one value in a group",
                 .where = path_,
                 .got = std::to_string(count),
                 .fix = "use a larger protocol.patch_size"});
  }
  const auto optional = [](const at::Tensor& tensor) {
    return tensor.defined() ? std::optional(tensor) : std::nullopt;
  };
  // ATen's kernels of a GPU want one dtype.
  const bool is_cast = !x.device().is_cpu() && x.element_size() < 4;
  const at::Tensor y = at::group_norm(is_cast ? x.to(at::kFloat) : x, groups_, optional(weight_),
                                      optional(bias_), epsilon_);
  return is_cast ? y.to(x.scalar_type()) : y;
}

Dropout::Dropout(const Module& module, double p, DropoutKind kind)
    : path_(module.path()), p_(p), kind_(kind) {
  SEMISEG_CHECK(p >= 0 && p < 1, "a dropout probability is in [0, 1)");
}

at::Tensor Dropout::operator()(const at::Tensor& x, const Pass& pass) const {
  if (pass.mode == NetworkMode::kEval || p_ == 0) return x;
  return x * keep(x, pass).to(x.scalar_type()).mul_(1 / (1 - p_));
}

at::Tensor Dropout::keep(const at::Tensor& x, const Pass& pass) const {
  SEMISEG_CHECK(pass.draws && static_cast<int64_t>(pass.samples.size()) == x.size(0),
                "a pass in training mode needs draws and one id for each sample");
  std::vector<int64_t> shape = x.sizes().slice(1).vec();
  if (kind_ == DropoutKind::kChannel) std::fill(shape.begin() + 1, shape.end(), 1);
  return pass.draws->at_least(p_, "dropout/" + pass.name + "/" + path_, shape, pass.samples);
}

}  // namespace semiseg
