// SPDX-License-Identifier: Apache-2.0
// Small methods and seeded batches to check methods with.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "launch/parity/method_under_test.h"

namespace semiseg {

// A small network on 32² images of three classes, for what every method must do; with three axes
// on 16 × 16 × 32 volumes.
MethodSetup small_setup(const std::string& name, int64_t axes = 2);

// A registered method on images of so many axes, and "bcp_3d" for test names.
struct MethodOnImages {
  std::string name;
  int64_t axes = 2;
  std::string options;  // TOML of section [method] beside those of small_setup()
  MethodSetup setup() const;
  std::string title() const { return axes == 2 ? name : name + "_3d"; }
  friend void PrintTo(const MethodOnImages& method, std::ostream* out) { *out << method.title(); }
};
std::vector<MethodOnImages> methods_on_images();

// The number of ranks that a method can be trained on: that of the groups of samples that stay on
// one rank, in the stage that has the fewest.
int64_t most_ranks(const MethodSetup& setup);

// Seeded images [count,1,S] in [0, 1].
at::Tensor random_images(const MethodSetup& setup, int64_t count, int64_t step);

// Three features of each pixel of images whose channels lie along an axis; of the dtype of the image.
at::Tensor made_features(const at::Tensor& image, int64_t axis);

// A batch of the stage, of seeded noise: images in [0, 1], labels in blobs so that Dice has
// something to find, for streams of the pool "labelled". Each other view gives each image a contrast
// and a brightness of its own. Samples have domains and tasks 0 and 1 in turn.
Batch random_batch(const MethodSetup& setup, const Stage& stage, int64_t step);

// The samples of a batch that lie in these slots: the share of one rank.
Batch share_of(const Batch& batch, const std::vector<int64_t>& slots);

}  // namespace semiseg
