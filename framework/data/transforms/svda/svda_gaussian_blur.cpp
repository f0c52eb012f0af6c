// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "framework/data/transforms/svda/intensity_changes.h"
#include "framework/data/transforms/svda/random_factor.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

constexpr double kCut = 4;  // in sigmas, scipy's truncate

// Weights of the pixels -r … r, with sum 1.
std::vector<double> gaussian(double sigma) {
  const auto radius = static_cast<int64_t>(kCut * sigma + 0.5);
  std::vector<double> weights;
  for (int64_t i = -radius; i <= radius; ++i)
    weights.push_back(std::exp(-0.5 * static_cast<double>(i * i) / (sigma * sigma)));
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

// d c b a | a b c d | d c b a
int64_t mirrored(int64_t index, int64_t size) {
  const int64_t period = 2 * size, place = ((index % period) + period) % period;
  return place < size ? place : period - 1 - place;
}

// In place along one axis.
void blur_axis(const at::Tensor& image, int64_t axis, const std::vector<double>& weights) {
  const int64_t size = image.size(axis), step = image.stride(axis);
  const auto radius = static_cast<int64_t>(weights.size() / 2);
  float* value = image.mutable_data_ptr<float>();
  std::vector<double> line(static_cast<size_t>(size + 2 * radius));
  for (int64_t first = 0; first < image.numel(); ++first) {
    if (first / step % size != 0) continue;
    for (int64_t i = -radius; i < size + radius; ++i)
      line[static_cast<size_t>(i + radius)] = value[first + mirrored(i, size) * step];
    for (int64_t i = 0; i < size; ++i)
      value[first + i * step] = static_cast<float>(
          std::inner_product(weights.begin(), weights.end(), line.begin() + i, 0.0));
  }
}

class GaussianBlur : public Transform {
 public:
  explicit GaussianBlur(const Config& section) {
    sigma_.read(section, "standard deviation of the Gaussian, in pixels");
  }
  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    const double sigma = sigma_.draw(numbers, /*unchanged=*/0);
    return sigma > 0 ? blur(image, sigma) : image.clone();
  }

 private:
  RandomFactor sigma_;
};

const bool registered = TransformRegistry::instance().add(
    {"svda_gaussian_blur", "Gaussian blur of 0.7 to 1.3 pixels, with a chance of 0.7",
     [](const Config& section) { return std::make_unique<GaussianBlur>(section); }});

}  // namespace

at::Tensor blur(const at::Tensor& image, double sigma) {
  at::Tensor result = image.clone(at::MemoryFormat::Contiguous);
  const std::vector<double> weights = gaussian(sigma);
  for (int64_t axis = 1; axis < image.dim(); ++axis) blur_axis(result, axis, weights);
  return result;
}

}  // namespace semiseg
