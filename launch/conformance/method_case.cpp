// SPDX-License-Identifier: Apache-2.0
#include "launch/conformance/method_case.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace semiseg {

namespace {

const MethodEntry& entry_of(const std::string& name) {
  return MethodRegistry::instance().find(name);
}

// A small form of the network that the method needs.
std::string small_backbone(const std::string& method, int64_t axes) {
  std::string name = entry_of(method).networks.of(axes);
  if (name == "any" || name == "none") name = axes == 3 ? "vnet" : "unet";
  return fmt::format("name = \"{}\"\n{}", name, BackboneRegistry::instance().find(name).small);
}

}  // namespace

MethodSetup small_setup(const std::string& name, int64_t axes) {
  MethodSetup setup{.name = name,
                    .options = entry_of(name).small(axes),
                    .backbone = small_backbone(name, axes),
                    .classes = entry_of(name).is_binary ? 2 : 3,
                    .batch = 8,
                    .labelled = 4,
                    .iterations = 40,
                    .patch_size = {32, 32},
                    .seed = 3};
  if (axes == 3) {
    const int64_t side = entry_of(name).networks.divisor;
    setup.patch_size = {side, side, 32};
    setup.iterations = 8;
  }
  if (const auto& sides = entry_of(name).small_patch) setup.patch_size = sides(axes);
  return setup;
}

MethodSetup MethodOnImages::setup() const {
  MethodSetup setup = small_setup(name, axes);
  setup.options += "\n" + options;
  return setup;
}

int64_t most_ranks(const MethodSetup& setup) {
  const auto comm = make_serial_communicator();
  int64_t most = setup.batch;
  for (const Stage& stage : MethodUnderTest(setup, *comm)->plan().stages) {
    if (!stage.colocated.empty()) most = std::min<int64_t>(most, std::ssize(stage.colocated));
  }
  return most;
}

std::vector<MethodOnImages> methods_on_images() {
  std::vector<MethodOnImages> all;
  for (const auto& name : MethodRegistry::instance().names()) {
    for (const int64_t axes : {2, 3}) {
      if (entry_of(name).networks.of(axes) != "none") all.push_back({.name = name, .axes = axes});
    }
  }
  return all;
}

at::Tensor made_features(const at::Tensor& image, int64_t axis) {
  const at::Tensor grey = image.mean(axis, /*keepdim=*/true);
  return at::cat({grey, grey.square(), 1 - grey}, axis);
}

namespace {

// Blobs and images made of them, of the samples 0 … count - 1.
struct Scene {
  Draws draws;
  SampleIds samples;
  at::Tensor smooth, image;  // [N,1,S]
};

Scene random_scene(const MethodSetup& setup, int64_t count, int64_t step) {
  Scene scene{.draws = Draws(setup.seed + 1000).at(0, step)};
  for (int64_t s = 0; s < count; ++s) scene.samples.push_back(s);
  std::vector<int64_t> coarse = {1}, fine = {1};
  for (const int64_t side : setup.patch_size) {
    coarse.push_back(side / 8);
    fine.push_back(side);
  }
  const at::Tensor rough = scene.draws.uniform("blobs", coarse, scene.samples);
  scene.smooth = setup.patch_size.size() == 2
                     ? at::upsample_bilinear2d(rough, setup.patch_size, false)
                     : at::upsample_trilinear3d(rough, setup.patch_size, false);
  const at::Tensor noise = scene.draws.normal("noise", fine, scene.samples);
  scene.image = (scene.smooth + 0.05 * noise).clamp(0, 1).to(setup.dtype);
  return scene;
}

at::Tensor another_view(const Scene& scene, const std::string& view) {
  const std::vector<int64_t> one(static_cast<size_t>(scene.image.dim()) - 1, 1);
  const auto draw = [&](const std::string& name) {
    return scene.draws.uniform(view == "strong" ? name : name + "/" + view, one, scene.samples);
  };
  const at::Tensor contrast = 0.4 + draw("contrast"), shift = 0.4 * draw("brightness") - 0.2;
  return ((scene.image - 0.5) * contrast + 0.5 + shift).clamp(0, 1).to(scene.image.scalar_type());
}

at::Tensor view_of(const Scene& scene, const std::string& view) {
  if (view == kWeakView) return scene.image;
  return view == "features" ? made_features(scene.image, 1) : another_view(scene, view);
}

// [N] 0, 1, 0, 1, …
at::Tensor alternating(const SampleIds& samples) {
  return at::tensor(samples, at::kLong).remainder(2);
}

at::Tensor rows_of(const at::Tensor& all, const SampleIds& samples) {
  return all.index_select(0, at::tensor(samples, at::kLong));
}

}  // namespace

at::Tensor random_images(const MethodSetup& setup, int64_t count, int64_t step) {
  return random_scene(setup, count, step).image;
}

Batch random_batch(const MethodSetup& setup, const Stage& stage, int64_t step) {
  const Scene scene = random_scene(setup, batch_size(stage.streams), step);
  const at::Tensor label = (scene.smooth.squeeze(1) * static_cast<double>(setup.classes))
                               .floor()
                               .clamp(0, setup.classes - 1)
                               .to(at::kLong);
  Batch batch;
  int64_t first = 0;
  std::map<std::string, std::vector<std::string>> streams_of_view;
  for (const StreamPlan& plan : stage.streams) {
    SampleIds ids(scene.samples.begin() + first, scene.samples.begin() + first + plan.samples);
    first += plan.samples;
    Stream& stream = batch.add_stream(plan.name, ids);
    if (plan.pool == "labelled") stream.label = rows_of(label, ids);
    stream.domain = stream.task = alternating(ids);
    for (const std::string& view : plan.views) streams_of_view[view].push_back(plan.name);
  }
  for (const auto& [view, names] : streams_of_view) {
    const at::Tensor images = view_of(scene, view);
    SampleIds rows;
    for (const std::string& name : names)
      rows.insert(rows.end(), batch[name].samples.begin(), batch[name].samples.end());
    const bool is_whole = names.size() == stage.streams.size();
    batch.add_view(view, is_whole ? images : rows_of(images, rows), {},
                   is_whole ? std::vector<std::string>() : names);
  }
  return batch;
}

Batch share_of(const Batch& batch, const std::vector<int64_t>& slots) {
  Batch part;
  for (const Stream& whole : batch.streams) {
    SampleIds rows, ids;
    for (int64_t i = 0; i < whole.size(); ++i) {
      const int64_t id = whole.samples[static_cast<size_t>(i)];
      if (std::find(slots.begin(), slots.end(), id) == slots.end()) continue;
      rows.push_back(i);
      ids.push_back(id);
    }
    Stream& stream = part.add_stream(whole.name, ids);
    if (whole.label.defined()) stream.label = rows_of(whole.label, rows);
    stream.domain = rows_of(whole.domain, rows);
    stream.task = rows_of(whole.task, rows);
    for (const StreamView& view : whole.views)
      stream.views.push_back({view.name, rows_of(view.image, rows), {}});
  }
  return part;
}

}  // namespace semiseg
