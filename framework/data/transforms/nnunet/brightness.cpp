// SPDX-License-Identifier: Apache-2.0
// Brightness of nnU-Net v2: each channel times a factor in [0.75, 1.25], half of the time below 1.
// Probability 0.15.
#include <ATen/TensorOperators.h>

#include "framework/data/transforms/nnunet/random_range.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

class Brightness : public Transform {
 public:
  explicit Brightness(const Config& section) : probability_(read_probability(section, 0.15)) {
    factor_.read(section, "factor", {0, 100},
                 "Smallest and largest factor. Widen it where scanners differ in gain.");
  }

  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    DrawSequence own = own_sequence(numbers);
    if (own.uniform() >= probability_) return image;
    return with_changed_channels(image, /*probability=*/1, own, [&](const at::Tensor& channel) {
      return channel * factor_.draw_factor(own);
    });
  }

 private:
  double probability_;
  RandomRange factor_{0.75, 1.25};
};

const bool registered = TransformRegistry::instance().add(
    {.name = "brightness",
     .summary = "Multiplicative brightness of nnU-Net",
     .make = [](const Config& options) { return std::make_unique<Brightness>(options); }});

}  // namespace
}  // namespace semiseg
