// SPDX-License-Identifier: Apache-2.0
// Convolutional discriminator of adversarial methods, HiLab-git/SSL4MIS FCDiscriminator and
// FC3DDiscriminator.
//
// The input stacks the map (all channels but the last `image_channels`) and the image along the
// channel axis.
//
//   layer                              out channels   side for 256
//   conv0(map) + conv1(image), k4 s2   64             128        (added; 2-D: no activation)
//   3-D: LeakyReLU 0.2, drop
//   conv2 k4 s2, LeakyReLU 0.2, drop   128            64
//   conv3 k4 s2, LeakyReLU 0.2, drop   256            32
//   conv4 k4 s2, LeakyReLU 0.2         512            16
//   average pool of `pool`             512            2
//   classifier                         classes        –
//
// Images smaller than the reference's (256², 96³) leave less to pool than that: then the whole side
// is pooled.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/nn/backbone.h"

namespace semiseg {

// The differences between the two discriminators.
struct DiscriminatorKind {
  std::vector<int64_t> pool;   // default sides of the average pool, one for each spatial axis
  bool activates_sum = false;  // an activation and dropout after the first layer
};

// Reads the options: image_channels, width, pool, dropout.
void read_discriminator_options(const DiscriminatorKind& kind, const Config& section);

// Makes the network [N,channels,S] → [N,classes]; patch_size is required, because it fixes the last
// layer.
std::unique_ptr<Backbone> make_discriminator(const DiscriminatorKind& kind, const Config& section,
                                             const NetworkShape& shape, const Draws& draws,
                                             const std::string& net);

}  // namespace semiseg
