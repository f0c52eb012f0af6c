// SPDX-License-Identifier: Apache-2.0
// Small methods and seeded batches for tests.
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
  MethodSetup setup() const { return small_setup(name, axes); }
  std::string title() const { return axes == 2 ? name : name + "_3d"; }
  friend void PrintTo(const MethodOnImages& method, std::ostream* out) { *out << method.title(); }
};
std::vector<MethodOnImages> methods_on_images();

// A batch of seeded noise: images in [0, 1], labels in blobs so that Dice has something to find.
// The strong view gives each image a contrast and a brightness of its own.
Batch random_batch(const MethodSetup& setup, int64_t labelled, int64_t unlabelled, int64_t step,
                   bool strong_view = true);

// This one is for a stage: it has a strong view where the stage asks for one, and only there.
Batch random_batch(const MethodSetup& setup, const Stage& stage, int64_t step);

// The share of a batch that falls to one rank: the samples in these slots.
Batch share_of(const Batch& batch, const std::vector<int64_t>& slots);

}  // namespace semiseg
