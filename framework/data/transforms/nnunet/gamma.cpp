// SPDX-License-Identifier: Apache-2.0
// Gamma of nnU-Net v2: ((x − min) / r)^γ r + min in each channel, r its range, brought back to the
// channel's mean and standard deviation; γ in [0.7, 1.5], half of the time below 1. First of the
// inverted image −x with probability 0.1, then of the image with probability 0.3.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "framework/data/transforms/nnunet/channel_statistics.h"
#include "framework/data/transforms/nnunet/random_range.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

constexpr double kSmallest = 1e-7;  // of a divisor

at::Tensor with_gamma(const at::Tensor& x, double gamma) {
  const ChannelStatistics before = statistics_of(x);
  const double range = static_cast<double>(before.high) - before.low;
  const at::Tensor y =
      ((x - before.low) / std::max(range, kSmallest)).pow(gamma) * range + before.low;
  const ChannelStatistics after = statistics_of(y);
  return (y - after.mean) * (before.deviation / std::max(after.deviation, kSmallest)) + before.mean;
}

class Gamma : public Transform {
 public:
  explicit Gamma(const Config& section) : probability_(read_probability(section, 0.3)) {
    section.read("inverted_probability", inverted_probability_, {0, 1},
                 "Probability that the inverted image is changed before. Lower it where bright "
                 "tissue must not change more than dark tissue.");
    gamma_.read(section, "gamma", {0.01, 100},
                "Smallest and largest exponent. Widen it where scanners differ in contrast.");
  }

  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    DrawSequence own = own_sequence(numbers);
    at::Tensor x = image;
    if (own.uniform() < inverted_probability_) {
      x = with_changed_channels(x, /*probability=*/1, own, [&](const at::Tensor& channel) {
        return -with_gamma(-channel, gamma_.draw_factor(own));
      });
    }
    if (own.uniform() >= probability_) return x;
    return with_changed_channels(x, /*probability=*/1, own, [&](const at::Tensor& channel) {
      return with_gamma(channel, gamma_.draw_factor(own));
    });
  }

 private:
  double probability_, inverted_probability_ = 0.1;
  RandomRange gamma_{0.7, 1.5};
};

const bool registered = TransformRegistry::instance().add(
    {.name = "gamma",
     .summary = "Gamma of nnU-Net, of the inverted image and of the image",
     .make = [](const Config& options) { return std::make_unique<Gamma>(options); }});

}  // namespace
}  // namespace semiseg
