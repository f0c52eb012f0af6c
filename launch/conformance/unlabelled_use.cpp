// SPDX-License-Identifier: Apache-2.0
#include "launch/conformance/unlabelled_use.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "framework/nn/layers.h"
#include "launch/conformance/checks.h"
#include "launch/conformance/method_case.h"

namespace semiseg {
namespace {

// This network has two convolutions, takes slices and volumes, and has every head that a method may
// ask for. The gain makes even the initial network sure of some pixels, so that a threshold on the
// confidence lets them pass.
class PerSampleNetwork : public ModuleBackbone {
 public:
  PerSampleNetwork(const NetworkShape& shape, const Draws& draws, const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        patch_(shape.patch_size),
        in_(root_.child("in"), {.in = shape.channels,
                                .out = kFeatures,
                                .kernel = std::vector<int64_t>(shape.patch_size.size(), 3),
                                .padding = 1}),
        dropout_(root_.child("dropout"), 0.1),
        out_(root_.child("out"), head(shape, shape.classes)),
        projection_(root_.child("rows").uniform_parameter("weight", {kRow, kRow}, 0.5)) {
    for (const char* name : {"aux1", "aux2", "aux3", "balanced", "key", "query"})
      auxiliary_.push_back({name, Conv(root_.child(name), head(shape, shape.classes))});
    for (const char* name : {"map", "logit"})
      auxiliary_.push_back({name, Conv(root_.child(name), head(shape, 1))});
  }

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::Tensor& image = input.image;
    const at::Tensor features = dropout_(kGain * at::tanh(in_(image)), pass);
    NetworkOutput out{.logits = out_(features), .features = features, .others = {}};
    for (const auto& [name, conv] : auxiliary_) {
      const at::Tensor value = conv(features);
      out.others.push_back({name, name == "map" ? at::tanh(value) : value});
    }
    if (pass.mode == NetworkMode::kTrain) out.others.push_back({"location", location(features)});
    for (const FeatureDropout& dropout : pass.feature_dropouts)
      out.others.push_back({dropout.head, perturbed(features, dropout, pass)});
    return out;
  }

  at::Tensor project(std::string_view head, const at::Tensor& rows, const Pass&) override {
    const at::Tensor y = at::linear(rows, projection_.slice(1, 0, rows.size(1)));
    return head.ends_with("_head") ? y : y.slice(1, 0, 1);
  }

  Classifier classifier() const override { return {out_.weight(), out_.bias()}; }

 private:
  static constexpr int64_t kFeatures = 8, kRow = 32;
  static constexpr double kGain = 10;

  static ConvOptions head(const NetworkShape& shape, int64_t outputs) {
    return {.in = kFeatures,
            .out = outputs,
            .kernel = std::vector<int64_t>(shape.patch_size.size(), 1)};
  }
  // [N, number of such images in the patch].
  at::Tensor location(const at::Tensor& features) const {
    int64_t places = 1;
    for (size_t axis = 0; axis < patch_.size(); ++axis)
      places *= std::max<int64_t>(1, patch_[axis] / features.size(2 + static_cast<int64_t>(axis)));
    return at::arange(places, features.options()) * features.flatten(1).mean(1, true);
  }
  at::Tensor perturbed(const at::Tensor& features, const FeatureDropout& dropout,
                       const Pass& pass) const {
    const SampleIds ids(pass.samples.begin() + dropout.first, pass.samples.end());
    at::Tensor keep = pass.draws->at_least(dropout.p, dropout.draw + ".0", {kFeatures}, ids);
    while (keep.dim() < features.dim()) keep = keep.unsqueeze(-1);
    return out_(features.slice(0, dropout.first) * keep.to(features.scalar_type()));
  }

  std::vector<int64_t> patch_;
  Conv in_;
  Dropout dropout_;
  Conv out_;
  at::Tensor projection_;
  std::vector<std::pair<std::string, Conv>> auxiliary_;
};

// Registers the network at the first call, so that only those who check methods meet it.
void register_network() {
  static const bool is_registered = BackboneRegistry::instance().add(
      {.name = "test_per_sample",
       .summary = "a network without statistics of the batch",
       .paper = "",
       .make = [](const Config&, const NetworkShape& shape, const Draws& draws,
                  const std::string& net) {
         return std::make_unique<PerSampleNetwork>(shape, draws, net);
       }});
  static_cast<void>(is_registered);
}

// Returns the parameters of the network of this name, one behind the other.
at::Tensor parameters_of(MethodUnderTest& method, const std::string& net) {
  std::vector<at::Tensor> values;
  for (const NamedTensor& tensor : method.tensors(net)) {
    if (tensor.value.requires_grad()) values.push_back(tensor.value.detach().flatten());
  }
  return at::cat(values);
}

// Trains two steps at the end of a stage and returns what the deployed network then predicts.
// It has parameters only, so another prediction means other parameters. These themselves are
// returned of a network with running statistics, which unlabelled images move without a loss.
at::Tensor trained(const MethodSetup& setup, int64_t stage, const Batch& batch,
                   const at::Tensor& probe) {
  const auto comm = make_serial_communicator();
  MethodUnderTest method(setup, *comm);
  const int64_t last = method->plan().stages[static_cast<size_t>(stage)].iterations - 1;
  method->begin_stage(stage);
  for (int64_t i = std::max<int64_t>(0, last - 1); i <= last; ++i)
    method.step(batch, stage, i, Draws(1).at(stage, i));
  const bool has_own = MethodRegistry::instance().find(setup.name).networks.is_only;
  return has_own ? parameters_of(method, "student") : method->predictor().predict(probe);
}

bool has_no_label(const Stream& stream) { return !stream.label.defined(); }

// The batch with other images in the views that `is_wanted` accepts, of streams without labels.
Batch with_other_images(const Batch& batch,
                        const std::function<bool(const Stream&, const StreamView&)>& is_wanted) {
  Batch other;
  for (const Stream& stream : batch.streams) {
    Stream& copy = other.add_stream(stream.name, stream.samples);
    copy = stream;
    for (StreamView& view : copy.views) {
      if (has_no_label(stream) && is_wanted(stream, view)) view.image = 1 - view.image.square();
    }
  }
  return other;
}

}  // namespace

UnlabelledUse unlabelled_use(MethodSetup setup) {
  register_network();
  if (!MethodRegistry::instance().find(setup.name).networks.is_only)
    setup.backbone = "name = \"test_per_sample\"";
  const auto comm = make_serial_communicator();
  const Plan plan = MethodUnderTest(setup, *comm)->plan();
  UnlabelledUse use;
  for (int64_t i = 0; i < std::ssize(plan.stages); ++i) {
    const Stage& stage = plan.stages[static_cast<size_t>(i)];
    const Batch batch = random_batch(setup, stage, 0);
    if (std::none_of(batch.streams.begin(), batch.streams.end(), has_no_label)) continue;
    ++use.stages;
    const at::Tensor probe = batch.streams[0].image().slice(0, 0, 1);
    const at::Tensor expected = trained(setup, i, batch, probe);
    const auto differs = [&](const auto& is_wanted) {
      return !at::equal(trained(setup, i, with_other_images(batch, is_wanted), probe), expected);
    };
    use.images = differs([](const Stream&, const StreamView&) { return true; }) && use.images;
    for (const Stream& stream : batch.streams) {
      for (const StreamView& view : stream.views) {
        if (!has_no_label(stream) || view.name == kWeakView) continue;
        const auto is_this = [&](const Stream& s, const StreamView& v) {
          return s.name == stream.name && v.name == view.name;
        };
        if (!differs(is_this))
          use.unused_views.push_back(stage.name + "/" + stream.name + "/" + view.name);
      }
    }
  }
  return use;
}

Findings check_unlabelled_images(const MethodOnImages& method) {
  const UnlabelledUse use = unlabelled_use(method.setup());
  const bool is_supervised = MethodRegistry::instance().find(method.name).family == "supervised";
  if (use.stages == 0 && is_supervised) return {};
  if (use.stages == 0)
    return {"no stage draws unlabelled samples, and the family of the method is not 'supervised'"};
  Findings findings;
  if (!use.images) findings.push_back("no loss depends on the unlabelled images");
  if (!use.unused_views.empty()) {
    findings.push_back(
        fmt::format("no loss depends on these views: {}", fmt::join(use.unused_views, ", ")));
  }
  return findings;
}

}  // namespace semiseg
