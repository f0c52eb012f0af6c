// SPDX-License-Identifier: Apache-2.0
// Cases of kind `memory`: class statistics, offset tables and losses of TSA and ISDA. In float64;
// what a case also allows in float32 (`fp32_rtol`) is checked there.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/methods/tsa/offset_table.h"
#include "framework/methods/tsa/tsa_memory.h"
#include "framework/nn/losses/offset_cross_entropy.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

MemoryOptions memory_options(const ParityCase& c) {
  using Kind = MemoryOptions::Kind;
  static const std::map<std::string, Kind> kinds = {{"cumulative", Kind::kCumulative},
                                                    {"forget", Kind::kForget},
                                                    {"batch_only", Kind::kBatchOnly},
                                                    {"frozen_after", Kind::kFrozenAfter}};
  static const std::map<std::string, CovarianceKind> shapes = {
      {"full", CovarianceKind::kFull},
      {"diag", CovarianceKind::kDiagonal},
      {"isotropic", CovarianceKind::kIsotropic}};
  const auto& o = c.options;
  return {.kind = known(kinds, "memory", o.value("memory", "forget")),
          .forgetting = o.at("forgetting"),
          .frozen_after = o.value("frozen_after", int64_t{0}),
          .covariance = known(shapes, "covariance", o.value("covariance", "full"))};
}

OffsetOptions offset_options(const ParityCase& c) {
  static const std::map<std::string, Augmentation> kinds = {
      {"both", Augmentation::kBoth},
      {"mean_only", Augmentation::kMeanOnly},
      {"cov_only", Augmentation::kCovarianceOnly},
      {"off", Augmentation::kOff}};
  const auto& o = c.options;
  return {.augmentation = known(kinds, "augmentation", o.value("aug", "both")),
          .min_count = o.value("n_min", int64_t{-1}),
          .table_gradient = o.value("table_grad", "on") == "on"};
}

at::Tensor labels(const ParityCase& c, const std::string& name) {
  const at::Tensor label = c.tensor(name).to(at::kLong);
  const int64_t ignored = c.options.value("ignore_index", kIgnoreLabel);
  return label.masked_fill(label == ignored, kIgnoreLabel);
}

void run_update(const ParityCase& c, Comparison& comparison) {
  const auto& o = c.options;
  ClassMemory memory(o.at("classes"), o.at("features"), memory_options(c)), single = memory;
  for (int64_t i = 0; i < o.at("batches").get<int64_t>(); ++i) {
    const std::string in = fmt::format("in.{}.", i), out = fmt::format("out.{}.", i);
    const at::Tensor feature = c.tensor(in + "feature"), label = labels(c, in + "label");
    memory.update(memory.sums(feature.to(at::kDouble), label));
    single.update(single.sums(feature.to(at::kFloat), label));
    const ClassStatistics found = memory.statistics(), narrow = single.statistics();
    comparison.compare(out + "count", found.count);
    comparison.compare(out + "weight_count", memory.weight());
    comparison.compare(out + "mean", found.mean);
    comparison.compare(out + "covariance", found.covariance);
    if (!o.contains("fp32_rtol")) continue;
    comparison.compare_by_largest(out + "mean", narrow.mean, o.at("fp32_rtol"));
    comparison.compare_by_largest(out + "covariance", narrow.covariance, o.at("fp32_rtol"));
  }
}

at::Tensor leaf(const at::Tensor& value, at::ScalarType dtype) {
  return value.to(dtype).clone().set_requires_grad(true);
}

at::Tensor gradient_of(const at::Tensor& leaf) {
  return leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf);
}

// Features and a classifier of one tap, [C,A], or several, [C,A,k…].
struct Head {
  const ParityCase& parity;
  at::Tensor feature, weight, bias;

  Head(const ParityCase& c, const std::string& features, at::ScalarType dtype)
      : parity(c),
        feature(leaf(c.tensor(features), dtype)),
        weight(leaf(c.tensor("in.weight"), dtype)),
        bias(leaf(c.tensor("in.bias"), dtype)) {
    // The loss from teacher to student (t2s) trains the head only.
    if (c.options.at("direction") == "t2s") feature.set_requires_grad(false);
  }

  // As the statistics' features are: im2col has one for each tap.
  at::Tensor table_weight() const {
    return parity.options.value("head_mode", "") == "im2col" ? weight.flatten(1) : weight;
  }

  at::Tensor logits() const {
    const int64_t axes = feature.dim() - 2;
    at::Tensor kernel = weight;
    while (kernel.dim() < axes + 2) kernel = kernel.unsqueeze(-1);
    std::vector<int64_t> padding;
    for (const int64_t side : kernel.sizes().slice(2)) padding.push_back(side / 2);
    const std::vector<int64_t> ones(padding.size(), 1), zeros(padding.size(), 0);
    return at::convolution(feature, kernel, bias, ones, padding, ones, /*transposed=*/false, zeros,
                           /*groups=*/1);
  }

  using Named = std::vector<std::pair<std::string, at::Tensor>>;
  Named gradients() const {
    return {{"feature", gradient_of(feature)},
            {"weight", gradient_of(weight)},
            {"bias", gradient_of(bias)}};
  }
};

// Shapes of gradients and table as the case has them; loss and table beside the gradients.
Head::Named loss_results(const ParityCase& c, at::ScalarType dtype, Comparison& comparison) {
  const ClassStatistics from{c.tensor("in.count_from"), c.tensor("in.mean_from"), {}},
      to{c.tensor("in.count_to"), c.tensor("in.mean_to"), c.tensor("in.covariance_to")};
  const Head head(c, "in.feature", dtype);
  const OffsetTable table =
      offset_table(head.table_weight(), from, to, c.options.at("lambda"), offset_options(c));
  comparison.require(table.clamped.item<int64_t>() == 0, "quadratic forms below 0");
  const at::Tensor loss = cross_entropy_with_offsets(head.logits(), labels(c, "in.label"),
                                                     table.table, {}, *make_serial_communicator());
  loss.backward();
  Head::Named results = {{"out.loss", loss}, {"out.offset_table", table.table}};
  for (const auto& [name, gradient] : head.gradients())
    results.emplace_back("grad." + name, gradient);
  return results;
}

void run_loss_of_statistics(const ParityCase& c, Comparison& comparison) {
  for (const auto& [name, value] : loss_results(c, at::kDouble, comparison))
    comparison.compare(name, value);
  if (!c.options.contains("fp32_rtol")) return;
  for (const auto& [name, value] : loss_results(c, at::kFloat, comparison))
    comparison.compare_by_largest(name, value.detach(), c.options.at("fp32_rtol"));
}

void compare_statistics(const TsaMemory& memory, const std::string& out, Comparison& comparison) {
  for (const auto& [stream, name] : {std::pair<size_t, std::string>{0, "from"}, {1, "to"}}) {
    const ClassMemory& merged = memory.memory(stream);  // lagged, the loss has not seen it yet
    const ClassStatistics found = merged.statistics();
    comparison.compare(out + "count_" + name, found.count);
    comparison.compare(out + "weight_count_" + name, merged.weight());
    comparison.compare(out + "mean_" + name, found.mean);
    comparison.compare(out + "covariance_" + name, found.covariance);
  }
}

// Both memories, gate and loss over several steps.
void run_sequence(const ParityCase& c, Comparison& comparison) {
  const auto& o = c.options;
  const auto comm = make_serial_communicator();
  TsaMemory memory({"from", "to"}, o.at("classes"), o.at("features"),
                   {.memory = memory_options(c), .lagged = o.value("sync", "sync") == "lagged"});
  const LambdaSchedule schedule{o.at("lambda0"), o.value("lambda", "linear") == "linear",
                                o.at("lambda_steps")};
  for (int64_t i = 0; i < o.at("steps").get<int64_t>(); ++i) {
    const std::string step = std::to_string(i) + ".", in = "in." + step, out = "out." + step;
    const Head head(c, in + "feature_from", at::kDouble);
    const at::Tensor label = labels(c, in + "label_from");
    const StreamBatch from = {{head.feature.detach(), label}},
                      to = {{c.tensor(in + "feature_to").to(at::kDouble),
                             labels(c, in + "label_to")}};
    memory.step(std::vector<StreamBatch>{from, to}, *comm);
    const double lambda = lambda_at(schedule, o.at("iteration").get<int64_t>() + i);
    const OffsetTable table = offset_table(head.weight, memory.statistics(0), memory.statistics(1),
                                           lambda, offset_options(c));
    const at::Tensor loss =
        cross_entropy_with_offsets(head.logits(), label, table.table, {}, *comm);
    loss.backward();
    memory.after_step(*comm, i);
    comparison.compare(out + "lambda", lambda);
    comparison.compare(out + "offset_table", table.table);
    comparison.compare(out + "gate", table.active.to(at::kByte));
    comparison.compare(out + "loss", loss);
    for (const auto& [name, gradient] : head.gradients())
      comparison.compare("grad." + step + name, gradient);
    compare_statistics(memory, out, comparison);
  }
}

const std::map<std::string, CaseRunner> kMemoryRunners = {{"isda_update", run_update},
                                                          {"tsa_loss", run_loss_of_statistics},
                                                          {"tsa_sequence", run_sequence},
                                                          {"tsa_update", run_update}};

}  // namespace

void run_memory(const ParityCase& c, Comparison& comparison) {
  known(kMemoryRunners, "memory", c.name)(c, comparison);
}

}  // namespace semiseg
