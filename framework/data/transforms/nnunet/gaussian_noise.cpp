// SPDX-License-Identifier: Apache-2.0
// Gaussian noise of nnU-Net v2: x + σ N(0, 1), σ uniform in [0, 0.1], the same noise in all channels.
// nnU-Net calls σ a variance and uses it as a standard deviation. Probability 0.1.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/data/transforms/nnunet/random_range.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

class GaussianNoise : public Transform {
 public:
  explicit GaussianNoise(const Config& section) : probability_(read_probability(section, 0.1)) {
    sigma_.read(section, "sigma", {0, 100},
                "Smallest and largest standard deviation, in the unit of the prepared images. "
                "Widen it for noisier scans.");
  }

  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    DrawSequence own = own_sequence(numbers);
    if (own.uniform() >= probability_) return image;
    const double sigma = sigma_.draw(own);
    at::Tensor noise = at::empty(image.sizes().slice(1), at::kFloat);
    float* value = noise.mutable_data_ptr<float>();
    for (int64_t i = 0; i < noise.numel(); ++i) value[i] = static_cast<float>(sigma * own.normal());
    return image + noise;
  }

 private:
  double probability_;
  RandomRange sigma_{0, 0.1};
};

const bool registered = TransformRegistry::instance().add(
    {.name = "gaussian_noise",
     .summary = "Gaussian noise of nnU-Net",
     .make = [](const Config& options) { return std::make_unique<GaussianNoise>(options); }});

}  // namespace
}  // namespace semiseg
