// SPDX-License-Identifier: Apache-2.0
// Simulated low resolution of nnU-Net v2: a channel is reduced to a share of its sides, uniform in
// [0.5, 1] and the same for all axes, by its nearest voxels, and enlarged again linearly; each
// channel with probability ½. Probability 0.25.
#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/data/transforms/nnunet/random_range.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

constexpr double kChannels = 0.5;

at::Tensor at_share(const at::Tensor& channel, double share) {
  std::vector<int64_t> small;
  for (const int64_t side : channel.sizes()) {
    small.push_back(std::max<int64_t>(1, std::lround(share * static_cast<double>(side))));
  }
  const at::Tensor x = channel.unsqueeze(0).unsqueeze(0);
  const at::Tensor y =
      channel.dim() == 2
          ? at::upsample_bilinear2d(at::_upsample_nearest_exact2d(x, small), channel.sizes(), false)
          : at::upsample_trilinear3d(at::_upsample_nearest_exact3d(x, small), channel.sizes(),
                                     false);
  return y[0][0];
}

class LowResolution : public Transform {
 public:
  explicit LowResolution(const Config& section) : probability_(read_probability(section, 0.25)) {
    share_.read(section, "share", {0.01, 1},
                "Smallest and largest share of the sides that is kept. Lower the first where scans "
                "differ in resolution.");
  }

  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    DrawSequence own = own_sequence(numbers);
    if (own.uniform() >= probability_) return image;
    return with_changed_channels(image, kChannels, own, [&](const at::Tensor& channel) {
      return at_share(channel, share_.draw(own));
    });
  }

 private:
  double probability_;
  RandomRange share_{0.5, 1};
};

const bool registered = TransformRegistry::instance().add(
    {.name = "low_resolution",
     .summary = "Simulated low resolution of nnU-Net",
     .make = [](const Config& options) { return std::make_unique<LowResolution>(options); }});

}  // namespace
}  // namespace semiseg
