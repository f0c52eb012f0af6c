// SPDX-License-Identifier: Apache-2.0
// A data set of cubes, for tests of the evaluator.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <string>
#include <vector>

#include "framework/data/dataset.h"

namespace semiseg {

// A box of this label in an empty map; ends are exclusive.
inline at::Tensor box(at::IntArrayRef shape, at::IntArrayRef begin, at::IntArrayRef end,
                      int label = 1) {
  const at::Tensor map = at::zeros(shape, at::kByte);
  at::Tensor inside = map;
  for (int64_t axis = 0; axis < map.dim(); ++axis) {
    const auto i = static_cast<size_t>(axis);
    inside = inside.slice(axis, begin[i], end[i]);
  }
  inside.fill_(label);
  return map;
}

// Five test cases of 6³ with classes "a" and "b": a cube each, at a place that depends on the case.
// Case 3 lacks "b".
class Cubes : public DatasetSource {
 public:
  Cubes() {
    info_.name = "cubes";
    info_.classes = {"background", "a", "b"};
    for (int i = 0; i < 6; ++i) {
      const Split split = i == 0 ? Split::kTrain : Split::kTest;
      cases_.push_back({"case" + std::to_string(i), "patient" + std::to_string(i),
                        i < 3 ? "north" : "south", split});
    }
  }
  const DatasetInfo& info() const override { return info_; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  Volume load(size_t i) const override {
    const auto at = static_cast<int64_t>(i % 3);
    at::Tensor label = box({6, 6, 6}, {at, 0, 0}, {at + 2, 2, 2}, 1);
    if (i != 3) label = label + box({6, 6, 6}, {at, 3, 3}, {at + 2, 5, 6}, 2);
    Volume volume{.image = label.to(at::kFloat).unsqueeze(0), .spacing_mm = {10, 1, 1}};
    if (has_labels) volume.label = label;
    volume.has_spacing = has_spacing;
    return volume;
  }
  std::vector<SampleInfo> training_samples(int) const override { return {}; }
  Sample load_sample(const SampleInfo&) const override { return {}; }

  // Sets the costs of the five test cases.
  void set_costs(const std::vector<int64_t>& costs) {
    for (size_t i = 0; i < costs.size(); ++i) cases_[i + 1].cost = costs[i];
  }

  bool has_labels = true, has_spacing = true;

 private:
  DatasetInfo info_;
  std::vector<CaseInfo> cases_;
};

// The labels moved on by one slice: cyclic, so that some cubes fall apart.
inline at::Tensor moved(const Volume& volume) {
  return volume.image[0].roll({1}, {0}).to(at::kByte);
}

}  // namespace semiseg
