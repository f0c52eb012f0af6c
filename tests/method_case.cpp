// SPDX-License-Identifier: Apache-2.0
#include "tests/method_case.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "framework/config/compose.h"
#include "framework/train/training_step.h"

namespace semiseg {
namespace {

// Collects the tensors below one prefix, as they are.
class Collector : public StateVisitor {
 public:
  explicit Collector(std::string prefix) : prefix_(std::move(prefix)) {}
  void tensor(std::string_view name, at::Tensor& value) override {
    const std::string full = full_name(name);
    if (full.starts_with(prefix_)) found.push_back({full.substr(prefix_.size()), value});
  }
  void scalar(std::string_view, int64_t&) override {}
  void scalar(std::string_view, double&) override {}
  void text(std::string_view, std::string&) override {}
  std::vector<NamedTensor> found;

 private:
  std::string prefix_;
};

at::Tensor norms(const std::vector<NamedTensor>& tensors) {
  std::vector<at::Tensor> values;
  for (const auto& item : tensors) values.push_back(item.value.detach().to(at::kDouble).norm());
  return at::stack(values);
}

at::Tensor gradient_norms(const std::vector<NamedTensor>& tensors) {
  std::vector<at::Tensor> values;
  for (const auto& item : tensors) {
    if (!item.value.requires_grad()) continue;
    const at::Tensor& gradient = item.value.grad();
    values.push_back(gradient.defined() ? gradient.to(at::kDouble).norm()
                                        : at::zeros({}, at::kDouble));
  }
  return at::stack(values);
}

}  // namespace

MethodSetup small_setup(const std::string& name, int64_t axes) {
  MethodSetup setup{
      .name = name,
      .backbone =
          "name = \"unet\"\nfilters = [4, 8, 8, 8, 8]\ndropout = [0.05, 0.1, 0.2, 0.3, 0.5]",
      .classes = 3,
      .batch = 8,
      .labelled = 4,
      .iterations = 40,
      .patch_size = {32, 32},
      .seed = 3};
  if (name == "dan") setup.options = fmt::format("discriminator_{}d = {{width = 8}}", axes);
  if (axes == 3) {
    setup.backbone = "name = \"vnet\"\nfilters = 2";
    setup.patch_size = {16, 16, 32};
    setup.iterations = 8;
  }
  return setup;
}

std::vector<MethodOnImages> methods_on_images() {
  std::vector<MethodOnImages> all;
  for (const auto& name : MethodRegistry::instance().names()) {
    for (const int64_t axes : {2, 3}) all.push_back({name, axes});
  }
  return all;
}

MethodUnderTest::MethodUnderTest(const MethodSetup& setup, const Communicator& comm)
    // A kilobyte, so that a small network's gradients travel in several messages.
    : comm_(comm), reduction_(comm, {.bucket_mb = 1. / 1024}) {
  const Config method = parse_config("[method]\nname = \"" + setup.name + "\"\n" + setup.options);
  const Config backbone = parse_config("[backbone]\n" + setup.backbone);
  const NetworkShape shape{.channels = 1,
                           .classes = setup.classes,
                           .patch_size = setup.patch_size,
                           .dtype = setup.dtype};
  const Draws draws(setup.seed);
  const MethodContext context{
      .options = method.section("method"),
      .shape = shape,
      .iterations = setup.iterations,
      .batch = setup.batch,
      .labelled = setup.labelled,
      .optimiser = setup.optimiser,
      .comm = &comm,
      .make_network =
          [&](const std::string& net) {
            const Config section = backbone.section("backbone");
            return BackboneRegistry::instance()
                .find(section.required("name", ""))
                .make(section, shape, draws, net);
          },
      .make_auxiliary =
          [&](const std::string& name, const std::string& net, const NetworkShape& other) {
            return BackboneRegistry::instance().find(name).make(
                method.section("method").section(name), other, draws, net);
          }};
  method_ = MethodRegistry::instance().find(setup.name).make(context);
}

std::vector<std::pair<std::string, double>> MethodUnderTest::step(const Batch& batch, int64_t stage,
                                                                  int64_t iteration,
                                                                  const Draws& draws,
                                                                  int64_t stage_iterations) {
  std::vector<std::pair<std::string, TrainingStep::Value>> records;
  TrainingStep step(comm_, draws, reduction_, records);
  step.stage = stage;
  step.iteration = iteration;
  step.stage_iterations = stage_iterations >= 0
                              ? stage_iterations
                              : method_->plan().stages[static_cast<size_t>(stage)].iterations;
  method_->step(batch, step);
  method_->after_step(step);
  std::vector<std::pair<std::string, double>> values;
  for (const auto& [name, value] : records) {
    const auto* tensor = std::get_if<at::Tensor>(&value);
    values.emplace_back(name, tensor ? tensor->item<double>() : std::get<double>(value));
  }
  return values;
}

std::vector<NamedTensor> MethodUnderTest::tensors(const std::string& net) {
  Collector collector(net + "/");
  method_->state(collector);
  return collector.found;
}

MethodSetup setup_of(const ParityCase& parity) {
  const auto& o = parity.options;
  MethodSetup setup{.name = parity.name,
                    .classes = o["classes"],
                    .batch = o["batch"],
                    .labelled = o["labelled"],
                    .iterations = o["max_iterations"],
                    .patch_size = o["size"]};
  setup.optimiser = {
      .learning_rate = o["base_lr"], .momentum = o["momentum"], .weight_decay = o["weight_decay"]};
  const std::string schedule = o["lr_schedule"];
  setup.optimiser.schedule = schedule.substr(0, schedule.find(' '));
  if (o["backbone"] == "vnet") setup.backbone = "name = \"vnet\"\ndropout = 0";
  if (o.contains("poly_index")) setup.optimiser.poly_index = o["poly_index"];
  return setup;
}

void fill_networks(MethodUnderTest& method, const ParityCase& parity) {
  for (const auto& [net, architecture] : parity.options["nets"].items()) {
    fill_parameters(method.tensors(net), parity.options["case_seed"], net, at::kDouble);
  }
}

Batch batch_of(const ParityCase& parity, int64_t i, at::ScalarType dtype) {
  const std::string prefix = "in." + std::to_string(i) + ".";
  Batch batch;
  batch.labelled = parity.options["labelled"];
  batch.image = parity.tensor(prefix + "image").to(dtype);
  batch.label = parity.tensor(prefix + "label").slice(0, 0, batch.labelled);
  // Recorded draws of the unlabelled samples count from the first of these.
  for (int64_t s = 0; s < batch.image.size(0); ++s) {
    batch.samples.push_back(s < batch.labelled ? s : s - batch.labelled);
  }
  return batch;
}

Batch random_batch(const MethodSetup& setup, int64_t labelled, int64_t unlabelled, int64_t step) {
  const Draws draws = Draws(setup.seed + 1000).at(0, step);
  Batch batch;
  batch.labelled = labelled;
  for (int64_t s = 0; s < labelled + unlabelled; ++s) batch.samples.push_back(s);
  std::vector<int64_t> coarse = {1}, fine = {1};
  for (const int64_t side : setup.patch_size) {
    coarse.push_back(side / 8);
    fine.push_back(side);
  }
  const at::Tensor rough = draws.uniform("blobs", coarse, batch.samples);
  const at::Tensor smooth = setup.patch_size.size() == 2
                                ? at::upsample_bilinear2d(rough, setup.patch_size, false)
                                : at::upsample_trilinear3d(rough, setup.patch_size, false);
  const at::Tensor noise = draws.normal("noise", fine, batch.samples);
  batch.image = (smooth + 0.05 * noise).clamp(0, 1).to(setup.dtype);
  const at::Tensor label =
      (smooth.squeeze(1) * static_cast<double>(setup.classes)).floor().clamp(0, setup.classes - 1);
  batch.label = label.to(at::kLong).slice(0, 0, labelled);
  return batch;
}

Batch share_of(const Batch& batch, const std::vector<int64_t>& slots) {
  const at::Tensor index = at::tensor(slots, at::kLong);
  Batch part;
  for (const int64_t slot : slots) part.labelled += slot < batch.labelled;
  part.image = batch.image.index_select(0, index);
  part.label = batch.label.index_select(0, index.slice(0, 0, part.labelled));
  for (const int64_t slot : slots) part.samples.push_back(batch.samples[static_cast<size_t>(slot)]);
  return part;
}

void expect_method_case(const ParityCase& parity, const std::string& method_options,
                        int64_t stage) {
  const auto comm = make_serial_communicator();
  MethodSetup setup = setup_of(parity);
  setup.options = method_options;
  MethodUnderTest method(setup, *comm);
  fill_networks(method, parity);
  const auto arithmetic = Arithmetic::kFloat64;
  const int64_t length = parity.options["max_iterations"], first = parity.options["iteration"];
  int compared = 0;
  for (int64_t i = 0; i < parity.options["steps"].get<int64_t>(); ++i) {
    const std::string at = std::to_string(i) + ".";
    const Draws draws = Draws(0).at(stage, i).replay(parity.tensors("draw." + at));
    for (const auto& [name, value] :
         method.step(batch_of(parity, i, setup.dtype), stage, first + i, draws, length)) {
      if (!parity.has("out." + at + name)) continue;
      ++compared;
      EXPECT_TRUE(
          compare(parity, "out." + at + name, at::full({1}, value, at::kDouble), arithmetic))
          << name;
    }
    for (const auto& [net, architecture] : parity.options["nets"].items()) {
      if (!parity.has("out." + at + "grad_norm." + net)) continue;
      EXPECT_TRUE(compare(parity, "out." + at + "grad_norm." + net,
                          gradient_norms(method.tensors(net)), arithmetic));
    }
  }
  EXPECT_GE(compared, 4) << "the case's losses must be among the records";
  for (const auto& [net, architecture] : parity.options["nets"].items()) {
    EXPECT_TRUE(compare(parity, "out." + net + "_norm", norms(method.tensors(net)), arithmetic));
    for (const auto& item : method.tensors(net)) {
      const std::string name = "out." + net + "." + item.name;
      if (!parity.has(name) && !parity.has(name + ".at")) continue;
      EXPECT_TRUE(compare(parity, name, item.value.detach(), arithmetic));
    }
  }
}

}  // namespace semiseg
