// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/class_sums.h"

#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/ignore_label.h"

namespace semiseg {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kBlock =
    4096;  // pixels; a block's partial sums do not depend on who computes them

struct Sizes {
  int64_t samples, classes, pixels;
  int64_t blocks() const { return (pixels + kBlock - 1) / kBlock; }
};

Sizes sizes_of(const at::Tensor& p) {
  return {p.size(0), p.size(1), p.numel() == 0 ? 0 : p.numel() / (p.size(0) * p.size(1))};
}

// Calls visit(item, sample, class, first pixel, end pixel) for each block of each class map, in
// parallel.
template <class Visit>
void for_each_block(const Sizes& sizes, const Visit& visit) {
  const int64_t per_sample = sizes.blocks() * sizes.classes;
  at::parallel_for(0, sizes.samples * per_sample, 4, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t sample = item / per_sample, rest = item % per_sample;
      const int64_t first =
          rest / sizes.classes * kBlock;  // classes of a block in turn: its labels stay in cache
      visit(item, sample, rest % sizes.classes, first, std::min(first + kBlock, sizes.pixels));
    }
  });
}

// Four sums at a time, so that additions do not wait for each other.
template <class T>
void sum_block(const T* p, const int64_t* label, const T* mask, int64_t size, int64_t wanted,
               bool squared, double out[3]) {
  double sums[3][4] = {};
  for (int64_t i = 0; i < size; ++i) {
    const double given = mask ? static_cast<double>(mask[i]) : 1.0;
    const double m = label[i] == kIgnoreLabel ? 0.0 : given, value = static_cast<double>(p[i]);
    const double inside = label[i] == wanted ? m : 0.0;
    sums[0][i % 4] += inside * value;
    sums[1][i % 4] += m * (squared ? value * value : value);
    sums[2][i % 4] += inside;
  }
  for (int row = 0; row < 3; ++row)
    out[row] = (sums[row][0] + sums[row][1]) + (sums[row][2] + sums[row][3]);
}

// Mask as p's dtype, if there is one.
std::optional<at::Tensor> like_p(const at::Tensor& mask, const at::Tensor& p) {
  if (!mask.defined()) return std::nullopt;
  return mask.to(p.scalar_type()).contiguous();
}

at::Tensor forward_kernel(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                          bool squared, int64_t first_class) {
  const Sizes sizes = sizes_of(p);
  std::vector<double> partial(
      static_cast<size_t>(sizes.samples * sizes.blocks() * sizes.classes * 3));
  AT_DISPATCH_FLOATING_TYPES(p.scalar_type(), "class_sums", [&] {
    const auto* values = p.const_data_ptr<scalar_t>();
    const auto* labels = label.const_data_ptr<int64_t>();
    const auto* weights = mask.defined() ? mask.const_data_ptr<scalar_t>() : nullptr;
    for_each_block(sizes, [&](int64_t item, int64_t sample, int64_t c, int64_t first, int64_t end) {
      const int64_t pixel = sample * sizes.pixels + first;
      sum_block(values + (sample * sizes.classes + c) * sizes.pixels + first, labels + pixel,
                weights ? weights + pixel : nullptr, end - first, first_class + c, squared,
                &partial[static_cast<size_t>(item) * 3]);
    });
  });
  at::Tensor out = at::zeros({3, sizes.classes}, at::kDouble);
  auto* sums = out.mutable_data_ptr<double>();
  for (size_t i = 0; i < partial.size(); ++i) {
    sums[static_cast<int64_t>(i % 3) * sizes.classes +
         static_cast<int64_t>(i / 3) % sizes.classes] += partial[i];
  }
  return out;
}

at::Tensor backward_kernel(const at::Tensor& gradient, const at::Tensor& p, const at::Tensor& label,
                           const at::Tensor& mask, bool squared, int64_t first_class) {
  const Sizes sizes = sizes_of(p);
  const at::Tensor factors = gradient.to(p.scalar_type()).contiguous();
  at::Tensor out = at::empty_like(p);
  AT_DISPATCH_FLOATING_TYPES(p.scalar_type(), "class_sums_backward", [&] {
    const auto* values = p.const_data_ptr<scalar_t>();
    const auto* labels = label.const_data_ptr<int64_t>();
    const auto* weights = mask.defined() ? mask.const_data_ptr<scalar_t>() : nullptr;
    const auto* factor = factors.const_data_ptr<scalar_t>();
    auto* result = out.mutable_data_ptr<scalar_t>();
    for_each_block(sizes, [&](int64_t, int64_t sample, int64_t c, int64_t first, int64_t end) {
      const scalar_t hit = factor[c],
                     each = squared ? 2 * factor[sizes.classes + c] : factor[sizes.classes + c];
      const int64_t at = (sample * sizes.classes + c) * sizes.pixels, pixel = sample * sizes.pixels;
      for (int64_t i = first; i < end; ++i) {
        const scalar_t slope = (squared ? each * values[at + i] : each) +
                               (labels[pixel + i] == first_class + c ? hit : scalar_t(0));
        const scalar_t given = weights ? weights[pixel + i] * slope : slope;
        result[at + i] = labels[pixel + i] == kIgnoreLabel ? scalar_t(0) : given;
      }
    });
  });
  return out;
}

class ClassSums : public torch::autograd::Function<ClassSums> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& p, const at::Tensor& label,
                            const std::optional<at::Tensor>& maybe_mask, int64_t power,
                            int64_t first_class) {
    const at::Tensor mask = maybe_mask.value_or(at::Tensor());
    context->save_for_backward({p, label, mask});
    context->saved_data["squared"] = power == 2;
    context->saved_data["first_class"] = first_class;
    return forward_kernel(p, label, mask, power == 2, first_class);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    return {backward_kernel(gradients[0], saved[0], saved[1], saved[2],
                            context->saved_data["squared"].toBool(),
                            context->saved_data["first_class"].toInt()),
            {},
            {},
            {},
            {}};
  }
};

}  // namespace

at::Tensor class_sums(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                      int64_t power, int64_t first_class) {
  SEMISEG_CHECK(power == 1 || power == 2, "class_sums knows p and p²");
  SEMISEG_CHECK(
      label.numel() * p.size(1) == p.numel() && (!mask.defined() || mask.numel() == label.numel()),
      "label and mask [N,S] must fit the probabilities [N,K,S]");
  if (!p.device().is_cpu()) return class_sums_composed(p, label, mask, power, first_class);
  return ClassSums::apply(p.contiguous(), label.to(at::kLong).contiguous(), like_p(mask, p), power,
                          first_class);
}

at::Tensor class_sums_of_samples(const at::Tensor& p, const at::Tensor& label,
                                 const at::Tensor& mask, int64_t power) {
  const int64_t samples = p.size(0);
  // Nothing, but still a function of p.
  if (samples == 0) return class_sums(p, label, mask, power).unsqueeze(0).slice(0, 0, 0);
  const auto parts = p.split(1), labels = label.split(1);
  std::vector<at::Tensor> sums;
  for (int64_t n = 0; n < samples; ++n) {
    const auto i = static_cast<size_t>(n);
    const at::Tensor part = mask.defined() ? mask.narrow(0, n, 1) : at::Tensor();
    sums.push_back(class_sums(parts[i], labels[i], part, power));
  }
  return at::stack(sums);
}

at::Tensor class_sums_composed(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                               int64_t power, int64_t first_class) {
  std::vector<int64_t> per_class(static_cast<size_t>(p.dim()), 1), pixels;
  per_class[1] = p.size(1);
  for (int64_t axis = 0; axis < p.dim(); ++axis) {
    if (axis != 1) pixels.push_back(axis);
  }
  const at::Tensor classes =
      at::arange(first_class, first_class + p.size(1), label.options().dtype(at::kLong));
  const at::Tensor hit = label.unsqueeze(1) == classes.view(per_class);
  const at::Tensor counts = (label != kIgnoreLabel).unsqueeze(1).to(at::kDouble);
  const at::Tensor weight = mask.defined() ? mask.unsqueeze(1).to(at::kDouble) * counts : counts;
  const at::Tensor wide = p.to(at::kDouble);
  return at::stack({(wide * hit * weight).sum(pixels),
                    ((power == 2 ? wide.square() : wide) * weight).sum(pixels),
                    (hit * weight).sum(pixels)});
}

}  // namespace semiseg
