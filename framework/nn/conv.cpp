// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/conv.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/cpu/Utils.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "framework/nn/kernels/conv_gradient.h"

namespace semiseg {
namespace {

// oneDNN's convolutions of small channel counts are about a quarter faster channels-last, as are
// those of a GPU's tensor cores, and what follows keeps the layout. Weights stay as they are: their
// copy costs nothing beside the images'. float64 has no such kernels.
at::MemoryFormat layout(const at::Tensor& x) {
  const bool is_fast = x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf ||
                       (x.scalar_type() == at::kFloat &&
                        (x.device().is_cpu() || at::globalContext().allowTF32CuDNN()));
  if (!is_fast) return at::MemoryFormat::Contiguous;
  return x.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::ChannelsLast3d;
}

// A one-channel tensor is contiguous in both memory formats, and ATen decides by its strides.
// Channels-first strides would make the whole network channels-first and the first convolution
// twice as slow.
at::Tensor in_layout(const at::Tensor& x, at::MemoryFormat format) {
  const at::Tensor y = x.contiguous(format);
  if (format == at::MemoryFormat::Contiguous || y.size(1) != 1) return y;
  std::vector<int64_t> strides = y.strides().vec();
  strides[1] = 1;
  return y.as_strided(y.sizes(), strides);
}

// Without these instructions oneDNN has no bfloat16, and ATen has kernels of its own.
bool has_onednn(const at::Tensor& x) {
  if (!x.device().is_cpu() || !at::hasMKLDNN() || x.numel() == 0) return false;
  return x.scalar_type() == at::kFloat ||
         (x.scalar_type() == at::kBFloat16 && at::cpu::is_avx512_vnni_supported());
}

// oneDNN's bfloat16 gradient of a 3-D kernel reads uninitialised memory when the image has fewer
// planes than the kernel (oneDNN of LibTorch 2.11, AVX-512; all other sizes are right).
bool wants_float32(const at::Tensor& x, const at::Tensor& weight) {
  return x.dim() == 5 && x.scalar_type() == at::kBFloat16 && x.device().is_cpu() &&
         x.size(2) < weight.size(2);
}

// PyTorch's fused operators of convolution and activation, which torch.compile calls. They are only
// reachable through the dispatcher and have no derivative.
using Scalars = c10::List<std::optional<at::Scalar>>;
using Text = std::string_view;
using Activated = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                             at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t, Text,
                             Scalars, std::optional<Text>);
using ActivatedTransposed = at::Tensor(const at::Tensor&, const at::Tensor&,
                                       const std::optional<at::Tensor>&, at::IntArrayRef,
                                       at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t,
                                       Text, Scalars, std::optional<Text>);

template <class Signature>
c10::TypedOperatorHandle<Signature> operator_of(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

std::vector<int64_t> on_axes(const std::vector<int64_t>& each, int64_t all,
                             const ConvOptions& options) {
  return each.empty() ? std::vector<int64_t>(options.kernel.size(), all) : each;
}

double he_deviation(double slope, int64_t fan_in) {
  return std::sqrt(2 / ((1 + slope * slope) * static_cast<double>(fan_in)));
}

}  // namespace

Conv::Conv(const Module& module, const ConvOptions& options)
    : stride_(on_axes(options.strides, options.stride, options)),
      padding_(on_axes(options.paddings, options.padding, options)),
      dilation_(options.kernel.size(), options.dilation),
      output_padding_(options.kernel.size(), 0),
      transposed_(options.transposed) {
  std::vector<int64_t> shape = {options.out, options.in};
  if (transposed_) std::swap(shape[0], shape[1]);
  shape.insert(shape.end(), options.kernel.begin(), options.kernel.end());
  int64_t fan_in = 1;
  for (size_t axis = 1; axis < shape.size(); ++axis) fan_in *= shape[axis];
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  weight_ = options.he_slope
                ? module.normal_parameter("weight", shape, he_deviation(*options.he_slope, fan_in))
                : module.uniform_parameter("weight", shape, bound);
  if (!options.bias) return;
  bias_ = options.zero_bias ? module.constant_parameter("bias", {options.out}, 0)
                            : module.uniform_parameter("bias", {options.out}, bound);
}

at::Tensor Conv::operator()(const at::Tensor& x) const { return apply(x, weight_, bias_, 1); }

at::Tensor Conv::to_size(const at::Tensor& x, at::IntArrayRef size) const {
  std::vector<int64_t> missing = output_padding_;
  for (size_t axis = 0; axis < missing.size(); ++axis) {
    const int64_t side = x.size(2 + static_cast<int64_t>(axis)),
                  kernel = weight_.size(2 + static_cast<int64_t>(axis));
    missing[axis] = size[axis] - ((side - 1) * stride_[axis] - 2 * padding_[axis] + kernel);
  }
  const auto bias = bias_.defined() ? std::optional(bias_.to(x.scalar_type())) : std::nullopt;
  return at::convolution(x, weight_.to(x.scalar_type()), bias, stride_, padding_, dilation_,
                         transposed_, missing, /*groups=*/1);
}

at::Tensor Conv::scaled(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                        double slope) const {
  std::vector<int64_t> along_out(static_cast<size_t>(weight_.dim()), 1);
  along_out[transposed_ ? 1 : 0] = scale.size(0);
  return apply(x, weight_ * scale.view(along_out),
               bias_.defined() ? at::addcmul(shift, bias_, scale) : shift, slope);
}

at::Tensor Conv::apply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                       double slope) const {
  if (wants_float32(x, weight))
    return apply(x.to(at::kFloat), weight, bias, slope).to(at::kBFloat16);
  const at::MemoryFormat format = layout(x);
  const at::Tensor image = in_layout(x, format),
                   kernel = weight.to(x.scalar_type()).contiguous(format);
  const auto shift = bias.defined() ? std::optional(bias.to(x.scalar_type())) : std::nullopt;
  if (slope != 1 && has_onednn(x) && !at::GradMode::is_enabled())
    return convolve_and_activate(image, kernel, shift, slope);
  // ATen would run a single small image, and on one thread a few images with a 1×1 kernel, in
  // kernels of its own. They are slower, and an image alone would get other bits than in a batch.
  at::Tensor y = !transposed_ && dilation_[0] == 1 && has_onednn(x)
                     ? onednn_convolution(image, kernel, shift, stride_, padding_)
                     : at::convolution(image, kernel, shift, stride_, padding_, dilation_,
                                       transposed_, output_padding_, /*groups=*/1);
  return slope == 1 ? y : at::leaky_relu_(y, slope);  // the backward does not read its output
}

at::Tensor Conv::convolve_and_activate(const at::Tensor& x, const at::Tensor& kernel,
                                       const std::optional<at::Tensor>& shift, double slope) const {
  static const auto plain = operator_of<Activated>("mkldnn::_convolution_pointwise");
  static const auto transposed =
      operator_of<ActivatedTransposed>("mkldnn::_convolution_transpose_pointwise");
  const Text name = slope == 0 ? "relu" : "leaky_relu";
  Scalars scalars;
  if (slope != 0) scalars.push_back(at::Scalar(slope));
  return transposed_ ? transposed.call(x, kernel, shift, padding_, output_padding_, stride_,
                                       dilation_, /*groups=*/1, name, scalars, std::nullopt)
                     : plain.call(x, kernel, shift, padding_, stride_, dilation_, /*groups=*/1,
                                  name, scalars, std::nullopt);
}

}  // namespace semiseg
