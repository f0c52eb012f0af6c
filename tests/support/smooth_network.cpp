// SPDX-License-Identifier: Apache-2.0
// A network without kinks, registered as "smooth" where this file is linked: convolution, batch
// norm, tanh, dropout, average pooling. In it rounding stays rounding, whereas a ReLU or a max-pool
// turns it into another gradient where a value lies at the kink.
#include <ATen/Functions.h>

#include "framework/nn/layers.h"

namespace semiseg {
namespace {

class SmoothNetwork : public ModuleBackbone {
 public:
  SmoothNetwork(const NetworkShape& shape, const Draws& draws, const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        in_(root_.child("in"), {.in = shape.channels, .out = 8, .kernel = {3, 3}, .padding = 1}),
        norm_(root_.child("norm"), 8),
        middle_(root_.child("middle"), {.in = 8, .out = 8, .kernel = {3, 3}, .padding = 1}),
        dropout_(root_.child("dropout"), 0.1),
        out_(root_.child("out"), {.in = 8, .out = shape.classes, .kernel = {1, 1}}) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::Tensor& image = input.image;
    const at::Tensor first = at::tanh(norm_(in_(image), pass));
    const at::Tensor coarse = at::tanh(middle_(at::avg_pool2d(first, {2, 2})));
    const at::Tensor fine = at::upsample_nearest2d(coarse, image.sizes().slice(2)) + first;
    return {.logits = out_(dropout_(fine, pass)), .features = fine, .others = {}};
  }

  Classifier classifier() const override { return {out_.weight(), out_.bias()}; }

 private:
  Conv in_;
  BatchNorm norm_;
  Conv middle_;
  Dropout dropout_;
  Conv out_;
};

const bool registered =
    BackboneRegistry::instance().add({.name = "smooth",
                                      .summary = "a network without kinks",
                                      .paper = "",
                                      .make = [](const Config&, const NetworkShape& shape,
                                                 const Draws& draws, const std::string& net) {
                                        return std::make_unique<SmoothNetwork>(shape, draws, net);
                                      }});

}  // namespace
}  // namespace semiseg
