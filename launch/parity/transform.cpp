// SPDX-License-Identifier: Apache-2.0
// Cases of kind `transform`: masks, distances and the order of samples here; geometry and
// intensities in files of their own.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/core/error.h"
#include "framework/data/batch_plan.h"
#include "framework/data/label_budget.h"
#include "framework/methods/parts/mixing/boxes.h"
#include "framework/nn/kernels/label_maps.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

using Sizes = std::vector<int64_t>;

// In 3-D the reference draws the offset for its own patch, whatever the image's size.
void copy_paste_box(const ParityCase& c, Comparison& comparison) {
  const auto& o = c.options;
  const Sizes size = o.at("size").get<Sizes>(), drawn_for = o.value("drawn_for", size);
  const double fraction = o.value("ratio", 2.0 / 3);
  const auto ranges = o.at("integer_ranges").get<std::vector<Sizes>>();
  for (size_t axis = 0; axis < size.size(); ++axis) {
    const int64_t end = drawn_for.at(axis) - box_side(fraction, size[axis]);
    comparison.require(
        ranges.at(axis).at(1) == end,
        fmt::format("offsets of axis {} end at {}: expected {}", axis, end, ranges[axis][1]));
  }
  const at::Tensor mask = copy_paste_mask(size, fraction, c.tensor("draw.offset"));
  comparison.compare("out.mask", mask);
  Sizes batch = size;
  batch.insert(batch.begin(), o.at("batch").get<int64_t>());
  comparison.compare("out.loss_mask", mask.unsqueeze(0).expand(batch));
}

// Recorded numbers one after the other.
class Recorded {
 public:
  void append(const ParityCase& c, const std::string& name) {
    if (!c.has(name)) return;
    const at::Tensor values = c.tensor(name);
    for (int64_t i = 0; i < values.numel(); ++i) values_.push_back(values[i].item<double>());
  }
  double next() {
    if (taken_ == values_.size())
      throw Error(ErrorKind::kData, {.what = "more numbers are drawn than were recorded"});
    return values_[taken_++];
  }
  bool is_used_up() const { return taken_ == values_.size(); }

 private:
  std::vector<double> values_;
  size_t taken_ = 0;
};

void cutmix_box(const ParityCase& c, Comparison& comparison) {
  const auto& o = c.options;
  const int64_t side = o.at("size");
  Recorded uniform, x, y;
  for (const char* name : {"draw.gate", "draw.area", "draw.ratio"}) uniform.append(c, name);
  x.append(c, "draw.x");
  y.append(c, "draw.y");
  bool is_x = false;
  const CutmixBox box =
      draw_cutmix_box(side,
                      {o.at("probability"), o.at("size_min"), o.at("size_max"), o.at("ratio_min"),
                       o.at("ratio_max")},
                      {.uniform = [&](double, double) { return uniform.next(); },
                       .integer =
                           [&](int64_t) {
                             is_x = !is_x;
                             return static_cast<int64_t>(is_x ? x.next() : y.next());
                           }});
  comparison.require(uniform.is_used_up() && x.is_used_up() && y.is_used_up(),
                     "fewer numbers are drawn than were recorded");
  at::Tensor mask = at::zeros({side, side});
  mask.narrow(0, box.y, box.height).narrow(1, box.x, box.width).fill_(1);
  comparison.compare("out.mask", mask);
}

void signed_distance_map(const ParityCase& c, Comparison& comparison) {
  comparison.compare("out.sdf", signed_distance(c.tensor("in.label")));
}

// One sample for each case; the labelled ones are the first.
LabelBudget budget_of(const ParityCase& c) {
  LabelBudget budget;
  const auto labelled = c.options.at("labelled").get<size_t>();
  for (size_t i = 0; i < labelled; ++i) budget.labelled.push_back({i, 0});
  for (size_t i = 0; i < c.options.at("unlabelled").get<size_t>(); ++i)
    budget.unlabelled.push_back({labelled + i, 0});
  return budget;
}

void two_stream_sampler(const ParityCase& c, Comparison& comparison) {
  const auto& o = c.options;
  const int64_t labelled = o.at("labelled_batch"), length = o.at("length");
  const int64_t size = o.at("batch");
  const BatchPlan plan(pools_of(budget_of(c)),
                       {{.name = "labelled", .pool = "labelled", .samples = labelled},
                        {.name = "unlabelled", .pool = "unlabelled", .samples = size - labelled}},
                       Draws(0), 0, EndlessStreams::kLabelledEpoch);
  comparison.require(
      plan.epoch_length() == length,
      fmt::format("an epoch has {} steps: expected {}", plan.epoch_length(), length));
  std::vector<at::Tensor> orders[2];  // labelled, unlabelled, as they were asked for
  const auto owners = o.at("permutation_of").get<std::vector<std::string>>();
  for (size_t i = 0; i < owners.size(); ++i) {
    orders[owners[i] == "unlabelled"].push_back(c.tensor("draw.permutation." + std::to_string(i)));
  }
  at::Tensor batches = at::empty({o.at("epochs").get<int64_t>() * length, size}, at::kLong);
  for (int64_t step = 0; step < batches.size(0); ++step) {
    for (int64_t slot = 0; slot < batches.size(1); ++slot) {
      const auto place = plan.place(step, slot);
      const auto& order = orders[slot >= labelled].at(static_cast<size_t>(place.permutation));
      batches[step][slot] = order[place.position];
    }
  }
  comparison.compare("out.batches", batches);
}

std::map<std::string, CaseRunner> all_transforms() {
  std::map<std::string, CaseRunner> all = {{"bcp_box_2d", copy_paste_box},
                                           {"bcp_box_3d", copy_paste_box},
                                           {"cutmix_box", cutmix_box},
                                           {"signed_distance", signed_distance_map},
                                           {"two_stream_batch_sampler", two_stream_sampler}};
  all.merge(geometry_transforms());
  all.merge(intensity_transforms());
  return all;
}

}  // namespace

void run_transform(const ParityCase& c, Comparison& comparison) {
  known(all_transforms(), "transform", c.name)(c, comparison);
}

}  // namespace semiseg
