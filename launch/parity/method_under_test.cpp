// SPDX-License-Identifier: Apache-2.0
#include "launch/parity/method_under_test.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/config/compose.h"
#include "framework/train/training_step.h"
#include "launch/parity/case_options.h"

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

std::vector<int64_t> class_voxels_of(const MethodSetup& setup) {
  if (!setup.class_voxels.empty()) return setup.class_voxels;
  std::vector<int64_t> counts;
  for (int64_t k = 0; k < setup.classes; ++k) counts.push_back((int64_t{1} << 20) >> k);
  return counts;
}

// domain0, domain1, …
std::vector<std::string> names_of(const std::string& kind, int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(kind + std::to_string(i));
  return names;
}

}  // namespace

MethodUnderTest::MethodUnderTest(const MethodSetup& setup, const Communicator& comm)
    // A kilobyte, so that a small network's gradients travel in several messages.
    : comm_(comm), reduction_(comm, {.bucket_mb = 1. / 1024}) {
  const Config method = parse_config("[method]\nname = \"" + setup.name + "\"\n" + setup.options);
  const Config backbone = parse_config("[backbone]\n" + setup.backbone);
  const NetworkShape shape = setup.shape();
  const Draws draws(setup.seed);
  const MethodContext context{
      .options = method.section("method"),
      .shape = shape,
      .iterations = setup.iterations,
      .batch = setup.batch,
      .labelled = setup.labelled,
      .optimiser = setup.optimiser,
      .comm = &comm,
      .make_network = NetworkMaker{.backbone = backbone.section("backbone"),
                                   .method = method.section("method"),
                                   .shape = shape,
                                   .draws = draws,
                                   .precision = setup.precision},
      .domains = names_of("domain", setup.domains),
      .tasks = std::vector<std::string>(static_cast<size_t>(setup.tasks), "task"),
      .class_voxels = [counts = class_voxels_of(setup)](const std::string&) { return counts; }};
  method_ =
      MethodRegistry::instance().find(method.section("method").required("name", "")).make(context);
  unread_ = unread_options(method);
  reads_ = method.reads();
}

std::vector<std::pair<std::string, double>> MethodUnderTest::step(const Batch& batch, int64_t stage,
                                                                  int64_t iteration,
                                                                  const Draws& draws,
                                                                  int64_t stage_iterations) {
  std::vector<std::pair<std::string, TrainingStep::Value>> records;
  TrainingStep step(comm_, draws, reduction_, scaler_, records);
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

}  // namespace semiseg
