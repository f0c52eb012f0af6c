// SPDX-License-Identifier: Apache-2.0
// Gaussian blur of nnU-Net v2: σ uniform in [0.5, 1] voxels for each axis, each channel with
// probability ½. Probability 0.2. The kernel ends at 4 σ; images are mirrored at their edges, the
// outermost voxel included, as SciPy's gaussian_filter does.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <vector>

#include "framework/data/transforms/nnunet/random_range.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

constexpr double kTruncate = 4, kChannels = 0.5;

// Place i of an axis that is mirrored at its ends: … 1 0 | 0 1 … n-1 | n-1 n-2 …
int64_t mirrored(int64_t i, int64_t n) {
  const int64_t period = 2 * n, place = ((i % period) + period) % period;
  return place < n ? place : period - 1 - place;
}

at::Tensor blurred(const at::Tensor& x, int64_t axis, double sigma) {
  const auto radius = static_cast<int64_t>(kTruncate * sigma + 0.5);
  const int64_t n = x.size(axis);
  std::vector<double> weights;
  double sum = 0;
  for (int64_t d = -radius; d <= radius; ++d) {
    const double place = static_cast<double>(d) / sigma;
    weights.push_back(std::exp(-0.5 * place * place));
    sum += weights.back();
  }
  at::Tensor result;
  for (int64_t d = -radius; d <= radius; ++d) {
    std::vector<int64_t> source;
    for (int64_t i = 0; i < n; ++i) source.push_back(mirrored(i + d, n));
    const at::Tensor part = x.index_select(axis, at::tensor(source, at::kLong)) *
                            (weights[static_cast<size_t>(d + radius)] / sum);
    result = result.defined() ? result.add_(part) : part;
  }
  return result;
}

class GaussianBlur : public Transform {
 public:
  explicit GaussianBlur(const Config& section) : probability_(read_probability(section, 0.2)) {
    sigma_.read(section, "sigma", {0.01, 100},
                "Smallest and largest standard deviation of the blur, in voxels. Widen it where "
                "scans differ in sharpness.");
  }

  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    DrawSequence own = own_sequence(numbers);
    if (own.uniform() >= probability_) return image;
    return with_changed_channels(image, kChannels, own, [&](const at::Tensor& channel) {
      at::Tensor x = channel;
      for (int64_t axis = 0; axis < channel.dim(); ++axis) x = blurred(x, axis, sigma_.draw(own));
      return x;
    });
  }

 private:
  double probability_;
  RandomRange sigma_{0.5, 1};
};

const bool registered = TransformRegistry::instance().add(
    {.name = "gaussian_blur",
     .summary = "Gaussian blur of nnU-Net",
     .make = [](const Config& options) { return std::make_unique<GaussianBlur>(options); }});

}  // namespace
}  // namespace semiseg
