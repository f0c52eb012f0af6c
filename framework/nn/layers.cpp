// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/layers.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "framework/core/error.h"
#include "framework/nn/batch_norm.h"

namespace semiseg {
namespace {

// oneDNN's convolutions of small channel counts are about a quarter faster channels-last, as are
// those of a GPU's tensor cores, and what follows keeps the layout. Weights stay as they are: their
// copy costs nothing beside the images'. float64 has no such kernels.
at::MemoryFormat layout(const at::Tensor& x) {
  const bool is_fast = x.scalar_type() == at::kBFloat16 ||
                       (x.scalar_type() == at::kFloat &&
                        (x.device().is_cpu() || at::globalContext().allowTF32CuDNN()));
  if (!is_fast) return at::MemoryFormat::Contiguous;
  return x.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::ChannelsLast3d;
}

// One channel is both layouts at once: ATen goes by the strides, and with those of channels-first
// the output and all that follows were so, at twice the time of a first convolution.
at::Tensor in_layout(const at::Tensor& x, at::MemoryFormat format) {
  const at::Tensor y = x.contiguous(format);
  if (format == at::MemoryFormat::Contiguous || y.size(1) != 1) return y;
  std::vector<int64_t> strides = y.strides().vec();
  strides[1] = 1;
  return y.as_strided(y.sizes(), strides);
}

// A single image of few voxels ATen would give to kernels of its own, more than twice as slow.
bool wants_onednn(const at::Tensor& x) {
  return x.size(0) == 1 && x.scalar_type() != at::kDouble && x.device().is_cpu() && at::hasMKLDNN();
}

// oneDNN's bfloat16 gradient of a 3-D kernel reads memory that nobody wrote when the image has
// fewer planes than the kernel (oneDNN of LibTorch 2.11, AVX-512; all other sizes are right).
bool wants_float32(const at::Tensor& x, const at::Tensor& weight) {
  return x.dim() == 5 && x.scalar_type() == at::kBFloat16 && x.device().is_cpu() &&
         x.size(2) < weight.size(2);
}

// In place: the backward of neither a convolution nor a norm reads its output.
at::Tensor activate_(at::Tensor x, double slope) {
  return slope == 1 ? x : at::leaky_relu_(x, slope);
}

}  // namespace

Conv::Conv(const Module& module, const ConvOptions& options)
    : stride_(options.kernel.size(), options.stride),
      padding_(options.kernel.size(), options.padding),
      dilation_(options.kernel.size(), 1),
      output_padding_(options.kernel.size(), 0),
      transposed_(options.transposed) {
  std::vector<int64_t> shape = {options.out, options.in};
  if (transposed_) std::swap(shape[0], shape[1]);
  shape.insert(shape.end(), options.kernel.begin(), options.kernel.end());
  int64_t fan_in = 1;
  for (size_t axis = 1; axis < shape.size(); ++axis) fan_in *= shape[axis];
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  weight_ = module.uniform_parameter("weight", shape, bound);
  if (options.bias) bias_ = module.uniform_parameter("bias", {options.out}, bound);
}

at::Tensor Conv::operator()(const at::Tensor& x) const { return apply(x, weight_, bias_); }

at::Tensor Conv::scaled(const at::Tensor& x, const at::Tensor& scale,
                        const at::Tensor& shift) const {
  std::vector<int64_t> along_out(static_cast<size_t>(weight_.dim()), 1);
  along_out[transposed_ ? 1 : 0] = scale.size(0);
  return apply(x, weight_ * scale.view(along_out),
               bias_.defined() ? at::addcmul(shift, bias_, scale) : shift);
}

at::Tensor Conv::apply(const at::Tensor& x, const at::Tensor& weight,
                       const at::Tensor& bias) const {
  if (wants_float32(x, weight)) return apply(x.to(at::kFloat), weight, bias).to(at::kBFloat16);
  const at::MemoryFormat format = layout(x);
  const at::Tensor image = in_layout(x, format),
                   kernel = weight.to(x.scalar_type()).contiguous(format);
  const auto shift = bias.defined() ? std::optional(bias.to(x.scalar_type())) : std::nullopt;
  if (!transposed_ && wants_onednn(x)) {
    return at::mkldnn_convolution(image, kernel, shift, padding_, stride_, dilation_,
                                  /*groups=*/1);
  }
  return at::convolution(image, kernel, shift, stride_, padding_, dilation_, transposed_,
                         output_padding_, /*groups=*/1);
}

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
  num_batches_tracked_.add_(1);
  const BatchNormTensors tensors{weight_,  bias_,     running_mean_, running_var_,
                                 epsilon_, momentum_, path_};
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
  return activate_(conv.scaled(x, scale, at::addcmul(bias_, running_mean_, scale, /*value=*/-1)),
                   slope);
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
  const bool is_cast = !x.device().is_cpu() && x.scalar_type() == at::kBFloat16;
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
