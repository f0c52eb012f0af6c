// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/mixing/cutmix_views.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace semiseg {
namespace {

BoxNumbers numbers_of(DrawSequence& sequence) {
  return {.uniform = [&](double low, double high) { return sequence.uniform(low, high); },
          .integer = [&](int64_t high) { return sequence.integer(0, high); }};
}

std::vector<int64_t> box_of_slice(const CutmixOptions& options, at::IntArrayRef size,
                                  DrawSequence& sequence) {
  const CutmixBox box = draw_cutmix_box(std::min(size[0], size[1]), options, numbers_of(sequence));
  return {box.y, box.x, box.height, box.width};
}

std::vector<int64_t> box_of_volume(const CutmixOptions& options, at::IntArrayRef size,
                                   DrawSequence& sequence) {
  if (sequence.uniform() > options.probability) return {0, 0, 0, 0, 0, 0};
  const double volume = sequence.uniform(options.area_min, options.area_max) *
                        static_cast<double>(size[0] * size[1] * size[2]);
  while (true) {
    const double ratio = sequence.uniform(options.ratio_min, options.ratio_max);
    const int64_t sides[3] = {static_cast<int64_t>(std::cbrt(volume / ratio)),
                              static_cast<int64_t>(std::cbrt(volume * ratio)),
                              static_cast<int64_t>(std::cbrt(volume))};
    std::vector<int64_t> box(6);
    bool fits = true;
    for (size_t axis = 0; axis < 3; ++axis) {
      box[axis] = sequence.integer(0, size[axis]);
      box[3 + axis] = sides[axis];
      fits = fits && box[axis] + sides[axis] <= size[axis];
    }
    if (fits) return box;
  }
}

}  // namespace

CutmixOptions read_cutmix(const Config& section, CutmixOptions defaults) {
  CutmixOptions o = defaults;
  section.read("cutmix_probability", o.probability, {0, 1},
               "Probability that a strong view takes a box from another image. Lower it when "
               "pasted organs look wrong.");
  std::vector<double> area = {o.area_min, o.area_max};
  section.read("cutmix_area", area, {0.001, 1},
               "Smallest and largest share of the image that the box covers.");
  if (area.size() != 2 || area[0] > area[1])
    section.fail("cutmix_area", "the shares make no range", "two numbers, the smaller first");
  o.area_min = area[0];
  o.area_max = area[1];
  return o;
}

at::Tensor draw_boxes(const CutmixOptions& options, const std::string& draw,
                      const SampleIds& samples, at::IntArrayRef size, const Step& step) {
  const auto axes = static_cast<int64_t>(size.size());
  const at::Tensor boxes =
      step.draws->integers_of(draw, 2 * axes, samples, [&](DrawSequence& sequence) {
        return axes == 2 ? box_of_slice(options, size, sequence)
                         : box_of_volume(options, size, sequence);
      });
  std::vector<int64_t> shape = size.vec();
  shape.insert(shape.begin(), boxes.size(0));
  at::Tensor inside = at::zeros(shape, at::kBool);
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    at::Tensor box = inside[i];
    for (int64_t axis = 0; axis < axes; ++axis) {
      const int64_t begin = boxes[i][axis].item<int64_t>();
      box = box.slice(axis, begin, begin + boxes[i][axes + axis].item<int64_t>());
    }
    box.fill_(true);
  }
  return inside;
}

PseudoLabel pseudo_label(const at::Tensor& logits) {
  const at::NoGradGuard no_grad;
  const auto [confidence, label] = logits.detach().softmax(1).max(1);
  return {label, confidence};
}

at::Tensor pasted(const at::Tensor& image, const at::Tensor& other, const at::Tensor& inside) {
  return at::where((image.dim() > inside.dim() ? inside.unsqueeze(1) : inside).to(image.device()),
                   other, image);
}

PseudoLabel pasted(const PseudoLabel& base, const PseudoLabel& other, const at::Tensor& inside) {
  return {pasted(base.label, other.label, inside),
          pasted(base.confidence, other.confidence, inside)};
}

std::vector<StreamPlan> streams_with_mix(const MethodContext& context) {
  const std::vector<std::string> views = {kWeakView, "strong", "strong2"};
  std::vector<StreamPlan> streams = labelled_and_unlabelled(context, views);
  if (streams[1].samples % 2 != 0) {
    context.options.fail("name", "half of the unlabelled images are mixed into the other half",
                         "an even number of them: protocol.batch - protocol.labelled_batch",
                         "e.g. protocol.batch=36 protocol.labelled_batch=12");
  }
  streams[1].samples /= 2;
  streams.push_back(
      {.name = "mix", .pool = "unlabelled", .samples = streams[1].samples, .views = views});
  return streams;
}

std::vector<std::vector<int64_t>> groups_with_mix(const MethodContext& context) {
  std::vector<std::vector<int64_t>> groups;
  for (int64_t i = 0; i < context.labelled; ++i) groups.push_back({i});
  const int64_t half = (context.batch - context.labelled) / 2;
  for (int64_t i = 0; i < half; ++i)
    groups.push_back({context.labelled + i, context.labelled + half + i});
  return groups;
}

SampleIds second_view(const SampleIds& samples) {
  SampleIds ids = samples;
  for (int64_t& id : ids) id += int64_t{1} << 39;
  return ids;
}

}  // namespace semiseg
