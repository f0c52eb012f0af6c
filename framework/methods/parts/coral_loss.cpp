// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/coral_loss.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// The pixels of class k, or all that count where there are no classes: [N,1,M] of x's dtype.
at::Tensor pixels_of(const at::Tensor& label, int64_t k, int64_t classes, const at::Tensor& x) {
  const at::Tensor y = label.flatten(1).unsqueeze(1);
  return (classes == 0 ? y != kIgnoreLabel : y == k).to(x.scalar_type());
}

// [N,A,M], at least float32.
at::Tensor flat(const at::Tensor& features) {
  const bool is_narrow = at::elementSize(features.scalar_type()) < 4;
  return (is_narrow ? features.to(at::kFloat) : features).flatten(2);
}

// One group of pixels on this rank.
class Group {
 public:
  Group(const std::vector<ClassPixels>& parts, int64_t classes) : parts_(parts), classes_(classes) {
    SEMISEG_CHECK(!parts.empty(), "there is at least one pass");
  }

  // Number of pixels and sum of features: float64 [K, 1 + A]. No gradient.
  at::Tensor sums() const {
    const at::NoGradGuard no_grad;
    return each_class([](const at::Tensor& x, const at::Tensor& is_pixel, int64_t) {
      const at::Tensor sum = (x * is_pixel).sum(at::IntArrayRef({0, 2}), false, at::kDouble);
      return at::cat({is_pixel.sum(at::kDouble).view({1}), sum});
    });
  }

  // Σ (f − μ)(f − μ)ᵀ: float64 [K,A,A]; mean [K,A].
  at::Tensor scatters(const at::Tensor& mean) const {
    return each_class([&](const at::Tensor& x, const at::Tensor& is_pixel, int64_t k) {
      const at::Tensor q = (x - mean[k].to(x.scalar_type()).view({1, -1, 1})) * is_pixel;
      return at::matmul(q, q.transpose(1, 2)).sum(at::IntArrayRef({0}), false, at::kDouble);
    });
  }

 private:
  // Adds `of` over the parts, for each class.
  template <class Of>
  at::Tensor each_class(const Of& of) const {
    std::vector<at::Tensor> rows;
    for (int64_t k = 0; k < std::max<int64_t>(1, classes_); ++k) {
      at::Tensor row;
      for (const ClassPixels& part : parts_) {
        const at::Tensor x = flat(part.features);
        const at::Tensor more = of(x, pixels_of(part.label, k, classes_, x), k);
        row = row.defined() ? row + more : more;
      }
      rows.push_back(row);
    }
    return at::stack(rows);
  }

  const std::vector<ClassPixels>& parts_;
  int64_t classes_;
};

}  // namespace

at::Tensor coral_loss(const std::vector<ClassPixels>& labelled,
                      const std::vector<ClassPixels>& unlabelled, int64_t classes,
                      const Communicator& comm) {
  const Group groups[] = {{labelled, classes}, {unlabelled, classes}};
  at::Tensor sums = at::stack({groups[0].sums(), groups[1].sums()});  // [2, K, 1 + A]
  comm.all_reduce(sums, "CORAL means");
  const at::Tensor count = sums.select(2, 0),
                   mean = sums.slice(2, 1) / count.clamp_min(1).unsqueeze(2);
  const at::Tensor scatters =
      comm.sum(at::stack({groups[0].scatters(mean[0]), groups[1].scatters(mean[1])}));
  const at::Tensor covariance = scatters / (count - 1).clamp_min(1).unsqueeze(2).unsqueeze(3);
  const auto features = static_cast<double>(mean.size(2));
  const at::Tensor distance =
      (covariance[0] - covariance[1]).square().sum({1, 2}) / (4 * features * features);
  const at::Tensor is_shared = (count >= 2).all(0);
  return (at::where(is_shared, distance, 0.0).sum() / is_shared.sum().clamp_min(1))
      .to(flat(labelled.front().features).scalar_type());
}

}  // namespace semiseg
