// SPDX-License-Identifier: Apache-2.0
// Losses, tables and gradients that were recorded from the references.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/parity.h"
#include "tests/tsa_problem.h"

namespace semiseg {
namespace {

Augmentation augmentation(const std::string& name) {
  return std::map<std::string, Augmentation>{{"both", Augmentation::kBoth},
                                             {"mean_only", Augmentation::kMeanOnly},
                                             {"cov_only", Augmentation::kCovarianceOnly},
                                             {"off", Augmentation::kOff}}
      .at(name);
}

void reproduce_loss(const ParityCase& c, at::ScalarType dtype) {
  const auto& options = c.options;
  const at::Tensor weight = leaf(c.tensor("in.weight").to(dtype)),
                   bias = leaf(c.tensor("in.bias").to(dtype));
  const at::Tensor feature = c.tensor("in.feature").to(dtype).clone();
  feature.set_requires_grad(options.at("direction") != "t2s");
  const ClassStatistics from{c.tensor("in.count_from"), c.tensor("in.mean_from"), {}};
  const ClassStatistics to{c.tensor("in.count_to"), c.tensor("in.mean_to"),
                           c.tensor("in.covariance_to")};
  const OffsetTable table = offset_table(
      weight, from, to, options.at("lambda"),
      {augmentation(options.at("aug")), options.at("n_min"), options.at("table_grad") == "on"});
  const at::Tensor loss =
      cross_entropy_with_offsets(head(feature, weight, bias), c.tensor("in.label"), table.table, {},
                                 *make_serial_communicator());
  const auto grads = gradients(loss, {feature, weight, bias});
  const std::vector<std::pair<std::string, at::Tensor>> found = {
      {"out.loss", loss.detach()},
      {"out.offset_table", table.table.detach()},
      {"grad.feature", grads[0]},
      {"grad.weight", grads[1]},
      {"grad.bias", grads[2]}};
  EXPECT_EQ(table.clamped.item<int64_t>(), 0);
  for (const auto& [name, value] : found) {
    if (dtype == at::kDouble) {
      EXPECT_TRUE(compare(c, name, value));
    } else {
      EXPECT_LE(deviation(value, c.tensor(name).view(value.sizes())),
                options.at("fp32_rtol").get<double>())
          << c.file << ' ' << name;
    }
  }
}

TEST(RecordedLosses, AreReproducedInFloat64) {
  for (const ParityCase& c : load_cases("memory", "tsa_loss")) reproduce_loss(c, at::kDouble);
}

TEST(RecordedLosses, AreReproducedInFloat32) {
  for (const ParityCase& c : load_cases("memory", "tsa_loss")) reproduce_loss(c, at::kFloat);
}

TEST(RecordedLosses, OfASequenceOfStepsAreReproduced) {
  const auto comm = make_serial_communicator();
  for (const ParityCase& c : load_cases("memory", "tsa_sequence")) {
    const auto& o = c.options;
    TsaMemory memory({"from", "to"}, o.at("classes"), o.at("features"),
                     {.memory = {.forgetting = o.at("forgetting")}});
    const LambdaSchedule schedule{o.at("lambda0"), true, o.at("lambda_steps")};
    const at::Tensor weight = leaf(c.tensor("in.weight").to(at::kDouble)),
                     bias = leaf(c.tensor("in.bias").to(at::kDouble));
    for (int64_t i = 0; i < o.at("steps").get<int64_t>(); ++i) {
      const std::string n = std::to_string(i) + ".";
      const at::Tensor feature = leaf(c.tensor("in." + n + "feature_from").to(at::kDouble));
      memory.step(std::vector<LabelledFeatures>{{feature, c.tensor("in." + n + "label_from")},
                                                {c.tensor("in." + n + "feature_to").to(at::kDouble),
                                                 c.tensor("in." + n + "label_to")}},
                  *comm);
      memory.after_step(*comm, i);
      const double lambda = lambda_at(schedule, o.at("iteration").get<int64_t>() + i);
      const OffsetTable table = offset_table(weight, memory.statistics(0), memory.statistics(1),
                                             lambda, {.min_count = o.at("n_min")});
      const at::Tensor loss = cross_entropy_with_offsets(
          head(feature, weight, bias), c.tensor("in." + n + "label_from"), table.table, {}, *comm);
      const auto grads = gradients(loss, {feature, weight, bias});
      EXPECT_TRUE(compare(c, "out." + n + "lambda", at::full({1}, lambda, at::kDouble)));
      EXPECT_TRUE(compare(c, "out." + n + "offset_table", table.table.detach()));
      EXPECT_TRUE(compare(c, "out." + n + "gate", table.active.to(at::kByte)));
      EXPECT_TRUE(compare(c, "out." + n + "loss", loss.detach()));
      EXPECT_TRUE(compare(c, "grad." + n + "feature", grads[0]));
      EXPECT_TRUE(compare(c, "grad." + n + "weight", grads[1]));
      EXPECT_TRUE(compare(c, "grad." + n + "bias", grads[2]));
      for (const auto& [stream, name] : {std::pair<size_t, std::string>{0, "from"}, {1, "to"}}) {
        EXPECT_TRUE(compare(c, "out." + n + "count_" + name, memory.statistics(stream).count));
        EXPECT_TRUE(
            compare(c, "out." + n + "weight_count_" + name, memory.memory(stream).weight()));
        EXPECT_TRUE(compare(c, "out." + n + "mean_" + name, memory.statistics(stream).mean));
        EXPECT_TRUE(
            compare(c, "out." + n + "covariance_" + name, memory.statistics(stream).covariance));
      }
    }
  }
}

}  // namespace
}  // namespace semiseg
