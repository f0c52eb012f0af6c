// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/discriminator.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"
#include "framework/nn/kernels/average_pool.h"
#include "framework/nn/layers.h"

namespace semiseg {
namespace {

constexpr int64_t kReduction = 16;  // four convolutions of stride 2

struct Options {
  int64_t image_channels = 1;
  int64_t width = 64;
  std::vector<int64_t> pool;
  double dropout = 0.5;

  static Options read(const Config& section, const DiscriminatorKind& kind) {
    Options o;
    o.pool = kind.pool;
    section.read("image_channels", o.image_channels, {1, 64},
                 "Number of channels of the image, which are stacked behind those of the map. Set "
                 "it to the channels of the data set.");
    section.read("width", o.width, {1, 1024},
                 "Number of channels of the first layer; doubled in each of the next three.");
    section.read("pool", o.pool, {1, 64},
                 "Sides of the average pool, at most the whole map. Change it for patches of "
                 "another size than the reference's.");
    section.read(
        "dropout", o.dropout, {0, 0.99},
        "Probability that a channel is dropped. Raise it when the discriminator wins at once.");
    if (o.pool.size() != kind.pool.size()) {
      section.fail("pool", "the pool has a side for each axis of the images",
                   std::to_string(kind.pool.size()) + " integers");
    }
    return o;
  }
};

// Sides of the pool in images of that size.
std::vector<int64_t> fitting_pool(const std::vector<int64_t>& wanted,
                                  const std::vector<int64_t>& patch_size) {
  std::vector<int64_t> pool;
  for (size_t axis = 0; axis < wanted.size(); ++axis) {
    if (patch_size.size() != wanted.size() || patch_size[axis] < kReduction) {
      throw Error(ErrorKind::kConfig,
                  {.what = "the discriminator does not fit the images",
                   .where = "protocol.patch_size",
                   .expected = std::to_string(wanted.size()) + " sides of at least 16",
                   .got = fmt::format("[{}]", fmt::join(patch_size, ", "))});
    }
    pool.push_back(std::min(wanted[axis], patch_size[axis] / kReduction));
  }
  return pool;
}

class Discriminator : public ModuleBackbone {
 public:
  Discriminator(const Options& options, const DiscriminatorKind& kind, const NetworkShape& shape,
                const Module& root)
      : ModuleBackbone(root),
        image_channels_(options.image_channels),
        activates_sum_(kind.activates_sum),
        pool_(fitting_pool(options.pool, shape.patch_size)),
        conv0_(root.child("conv0"),
               convolution(shape.channels - options.image_channels, options.width)),
        conv1_(root.child("conv1"), convolution(options.image_channels, options.width)),
        conv2_(root.child("conv2"), convolution(options.width, 2 * options.width)),
        conv3_(root.child("conv3"), convolution(2 * options.width, 4 * options.width)),
        conv4_(root.child("conv4"), convolution(4 * options.width, 8 * options.width)),
        dropout1_(root.child("dropout1"), options.dropout, DropoutKind::kChannel),
        dropout2_(root.child("dropout2"), options.dropout, DropoutKind::kChannel),
        dropout3_(root.child("dropout3"), options.dropout, DropoutKind::kChannel) {
    int64_t inputs = 8 * options.width;
    for (size_t axis = 0; axis < pool_.size(); ++axis)
      inputs *= shape.patch_size[axis] / kReduction / pool_[axis];
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    weight_ = root.child("classifier").uniform_parameter("weight", {shape.classes, inputs}, bound);
    bias_ = root.child("classifier").uniform_parameter("bias", {shape.classes}, bound);
  }

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::Tensor& image = input.image;
    const int64_t map_channels = image.size(1) - image_channels_;
    at::Tensor x = conv0_(image.narrow(1, 0, map_channels)) +
                   conv1_(image.narrow(1, map_channels, image_channels_));
    if (activates_sum_) x = dropout1_(at::leaky_relu(x, 0.2), pass);
    x = dropout2_(at::leaky_relu(conv2_(x), 0.2), pass);
    x = dropout3_(at::leaky_relu(conv3_(x), 0.2), pass);
    x = at::leaky_relu(conv4_(x), 0.2);
    x = average_pool(x, pool_);
    const at::Tensor features = x.flatten(1);
    const auto dtype = features.scalar_type();
    return {at::linear(features, weight_.to(dtype), bias_.to(dtype)), features, {}};
  }

  Classifier classifier() const override { return {weight_, bias_}; }

 private:
  ConvOptions convolution(int64_t in, int64_t out) const {
    return {.in = in,
            .out = out,
            .kernel = std::vector<int64_t>(pool_.size(), 4),
            .stride = 2,
            .padding = 1};
  }

  int64_t image_channels_;
  bool activates_sum_;
  std::vector<int64_t> pool_;
  Conv conv0_, conv1_, conv2_, conv3_, conv4_;
  Dropout dropout1_, dropout2_, dropout3_;
  at::Tensor weight_, bias_;
};

}  // namespace

void read_discriminator_options(const DiscriminatorKind& kind, const Config& section) {
  Options::read(section, kind);
}

std::unique_ptr<Backbone> make_discriminator(const DiscriminatorKind& kind, const Config& section,
                                             const NetworkShape& shape, const Draws& draws,
                                             const std::string& net) {
  return std::make_unique<Discriminator>(Options::read(section, kind), kind, shape,
                                         Module(draws, net, shape.options()));
}

}  // namespace semiseg
