// SPDX-License-Identifier: Apache-2.0
// Convolutional discriminator of the deep adversarial network, HiLab-git/SSL4MIS FCDiscriminator
// (2-D).
//
// The input stacks the map (all channels but the last `image_channels`) and the image along the
// channel axis.
//
//   layer                              out channels   side for 256²
//   conv0(map) + conv1(image), k4 s2   64             128        (added, no activation)
//   conv2 k4 s2, LeakyReLU 0.2, drop   128            64
//   conv3 k4 s2, LeakyReLU 0.2, drop   256            32
//   conv4 k4 s2, LeakyReLU 0.2         512            16
//   average pool k7 s7                 512            2
//   classifier                         classes        –
//
// Images smaller than the reference's 256² leave less than 7 pixels to pool: then the whole side is
// pooled.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"
#include "framework/nn/layers.h"

namespace semiseg {
namespace {

struct Options {
  int64_t image_channels = 1;
  int64_t width = 64;
  int64_t pool = 7;
  double dropout = 0.5;

  static Options read(const Config& section) {
    Options o;
    section.read("image_channels", o.image_channels, {1, 64},
                 "channels of the image, stacked behind the map");
    section.read("width", o.width, {1, 1024},
                 "channels of the first layer; doubled in each of the next three");
    section.read("pool", o.pool, {1, 64}, "side of the average pool, at most the whole map");
    section.read("dropout", o.dropout, {0, 0.99}, "probability to drop a channel");
    return o;
  }
};

class Discriminator2d : public ModuleBackbone {
 public:
  Discriminator2d(const Options& options, const NetworkShape& shape, Module root)
      : ModuleBackbone(root),
        options_(options),
        conv0_(root.child("conv0"),
               convolution(shape.channels - options.image_channels, options.width)),
        conv1_(root.child("conv1"), convolution(options.image_channels, options.width)),
        conv2_(root.child("conv2"), convolution(options.width, 2 * options.width)),
        conv3_(root.child("conv3"), convolution(2 * options.width, 4 * options.width)),
        conv4_(root.child("conv4"), convolution(4 * options.width, 8 * options.width)),
        dropout2_(root.child("dropout2"), options.dropout, DropoutKind::kChannel),
        dropout3_(root.child("dropout3"), options.dropout, DropoutKind::kChannel) {
    int64_t inputs = 8 * options.width;
    for (const int64_t side : shape.patch_size) {
      if (side < 16) {
        throw Error(ErrorKind::kConfig, {.what = "images too small for discriminator_2d",
                                         .where = "protocol.patch_size",
                                         .expected = "sides of at least 16",
                                         .got = std::to_string(side)});
      }
      pool_.push_back(std::min(options.pool, side / 16));
      inputs *= side / 16 / pool_.back();
    }
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    weight_ = root.child("classifier").uniform_parameter("weight", {shape.classes, inputs}, bound);
    bias_ = root.child("classifier").uniform_parameter("bias", {shape.classes}, bound);
  }

  NetworkOutput forward(const at::Tensor& image, const Pass& pass) override {
    const int64_t map_channels = image.size(1) - options_.image_channels;
    at::Tensor x = conv0_(image.narrow(1, 0, map_channels)) +
                   conv1_(image.narrow(1, map_channels, options_.image_channels));
    x = dropout2_(at::leaky_relu(conv2_(x), 0.2), pass);
    x = dropout3_(at::leaky_relu(conv3_(x), 0.2), pass);
    x = at::leaky_relu(conv4_(x), 0.2);
    const at::Tensor features = at::avg_pool2d(x, pool_).flatten(1);
    return {at::linear(features, weight_, bias_), features, {}};
  }

  Classifier classifier() const override { return {weight_, bias_}; }

 private:
  static ConvOptions convolution(int64_t in, int64_t out) {
    return {.in = in, .out = out, .kernel = {4, 4}, .stride = 2, .padding = 1};
  }

  Options options_;
  Conv conv0_, conv1_, conv2_, conv3_, conv4_;
  Dropout dropout2_, dropout3_;
  std::vector<int64_t> pool_;
  at::Tensor weight_, bias_;
};

const bool registered = BackboneRegistry::instance().add(
    {"discriminator_2d", "tells labelled from unlabelled maps, for adversarial methods",
     [](const Config& section, const NetworkShape& shape, const Draws& draws,
        const std::string& net) {
       return std::make_unique<Discriminator2d>(Options::read(section), shape,
                                                Module(draws, net, shape.dtype));
     }});

}  // namespace
}  // namespace semiseg
