// SPDX-License-Identifier: Apache-2.0
// Contrast of nnU-Net v2: (x − mean) f + mean in each channel, held within the channel's range; f in
// [0.75, 1.25], half of the time below 1. Probability 0.15.
#include <ATen/TensorOperators.h>

#include "framework/data/transforms/nnunet/channel_statistics.h"
#include "framework/data/transforms/nnunet/random_range.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

class Contrast : public Transform {
 public:
  explicit Contrast(const Config& section) : probability_(read_probability(section, 0.15)) {
    factor_.read(section, "factor", {0, 100},
                 "Smallest and largest factor on the distance from the mean. Widen it where "
                 "scanners differ in contrast.");
  }

  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    DrawSequence own = own_sequence(numbers);
    if (own.uniform() >= probability_) return image;
    return with_changed_channels(image, /*probability=*/1, own, [&](const at::Tensor& channel) {
      const ChannelStatistics s = statistics_of(channel);
      return ((channel - s.mean) * factor_.draw_factor(own) + s.mean).clamp(s.low, s.high);
    });
  }

 private:
  double probability_;
  RandomRange factor_{0.75, 1.25};
};

const bool registered = TransformRegistry::instance().add(
    {.name = "contrast",
     .summary = "Contrast of nnU-Net, within the range of the image",
     .make = [](const Config& options) { return std::make_unique<Contrast>(options); }});

}  // namespace
}  // namespace semiseg
