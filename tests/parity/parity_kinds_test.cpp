// SPDX-License-Identifier: Apache-2.0
// Kinds of parity cases that are not among the recorded ones, with numbers by hand.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "launch/parity/run_case.h"
#include "tests/support/recorded_cases.h"

namespace semiseg {
namespace {

using Json = nlohmann::json;
using Tensors = std::map<std::string, at::Tensor>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

ParityCase case_of(const std::string& kind, const std::string& name, const Json& options,
                   Tensors tensors) {
  ParityCase parity{.kind = kind, .name = name, .options = CaseOptions(options)};
  parity.metadata =
      Json::parse(R"({"generated": {}, "tolerance": {"default": {"rtol": 1e-6, "atol": 1e-9}}})");
  parity.stored = std::move(tensors);
  return parity;
}

void expect_passes(const ParityCase& parity) {
  const ParityResult result = run_case(parity);
  EXPECT_EQ(result.verdict, Verdict::kPassed) << result.detail;
}

at::Tensor numbers(const std::vector<double>& values, at::IntArrayRef shape) {
  return at::tensor(values, at::kDouble).view(shape);
}

at::Tensor labels(const std::vector<int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kByte).view({1, -1});
}

// Two of three pixels count: p = ½ everywhere, Σpg = ½, Σp = 1, Σg = 1. The ratio r = N/D changes
// by (2g - r)/D with p, and p by ¼ with z.
ParityCase nnunet_case(bool batch_dice, int64_t ignored) {
  constexpr double kSmooth = 1e-5, d = 2 + kSmooth, r = (1 + kSmooth) / d;
  const double first = -0.25 - (2 - r) / d / 4, second = 0.25 + r / d / 4;
  return case_of("loss", "nnunet_dc_ce", {{"batch_dice", batch_dice}, {"ignore_label", ignored}},
                 {{"in.logits", at::zeros({1, 2, 3}, at::kDouble)},
                  {"in.label", labels({1, 0, ignored})},
                  {"out.loss", numbers({std::log(2.0) - r}, {1})},
                  {"grad.logits", numbers({-first, -second, 0, first, second, 0}, {1, 2, 3})}});
}

TEST(ParityKinds, NnunetsLossLeavesOutPixelsWithTheIgnoreLabel) {
  for (const bool batch_dice : {true, false}) {
    for (const int64_t ignored : {2, 255}) expect_passes(nnunet_case(batch_dice, ignored));
  }
}

TEST(ParityKinds, NnunetsLossOfNothingIsMinusOneWithoutAGradient) {
  for (const bool batch_dice : {true, false}) {
    expect_passes(case_of("loss", "nnunet_dc_ce", {{"batch_dice", batch_dice}, {"ignore_label", 2}},
                          {{"in.logits", at::ones({2, 2, 3}, at::kDouble)},
                           {"in.label", at::full({2, 3}, 2, at::kByte)},
                           {"out.loss", numbers({-1}, {1})},
                           {"grad.logits", at::zeros({2, 2, 3}, at::kDouble)}}));
  }
}

// p = ½ and one pixel of each class: both classes have the ratio r, and their gradients meet in p.
TEST(ParityKinds, NnunetsDiceMayHaveTheBackground) {
  constexpr double kSmooth = 1e-5, d = 2 + kSmooth, r = (1 + kSmooth) / d;
  const double first = -0.25 - (2 - r + r) / d / 8, second = -first;
  expect_passes(case_of("loss", "nnunet_dc_ce", {{"batch_dice", true}, {"do_bg", true}},
                        {{"in.logits", at::zeros({1, 2, 2}, at::kDouble)},
                         {"in.label", labels({1, 0})},
                         {"out.loss", numbers({std::log(2.0) - r}, {1})},
                         {"grad.logits", numbers({-first, -second, first, second}, {1, 2, 2})}}));
}

// One pixel counts, p = ½ and label 1: ratios (1 + s)/(3/2 + s) and s/(1/2 + s).
TEST(ParityKinds, MaskedDiceOfOneChannelHasTwoClasses) {
  constexpr double s = 1e-5;
  const double loss = 1 - ((1 + s) / (1.5 + s) + s / (0.5 + s)) / 2;
  const double slope = -((2 + s) / std::pow(1.5 + s, 2) + s / std::pow(0.5 + s, 2)) / 2 / 4;
  expect_passes(case_of("loss", "dice_masked_3d", Json::object(),
                        {{"in.logits", at::zeros({1, 1, 2}, at::kDouble)},
                         {"in.label", labels({1, 0})},
                         {"in.mask", labels({1, 0})},
                         {"out.loss", numbers({loss}, {1})},
                         {"grad.logits", numbers({slope, 0}, {1, 1, 2})}}));
}

TEST(ParityKinds, FocalLossMayBeASum) {
  const double slope = 0.25 * 0.5;
  expect_passes(case_of("loss", "focal", {{"gamma", 2}, {"size_average", false}},
                        {{"in.logits", at::zeros({1, 2, 2}, at::kDouble)},
                         {"in.label", labels({0, 1})},
                         {"out.loss", numbers({2 * 0.25 * std::log(2.0)}, {1})},
                         {"grad.logits", numbers({-slope, slope, slope, -slope}, {1, 2, 2})}}));
}

// Class 1 is in the prediction alone, class 2 in the truth alone, class 3 in neither.
TEST(ParityKinds, MonaisDirectedDistanceIsInfiniteWhereOneSideIsEmpty) {
  const at::Tensor prediction = at::zeros({4, 4}, at::kByte), truth = prediction.clone();
  prediction[1][1] = 1;
  truth[2][3] = 2;
  for (const auto& [metric, one_side] : {std::pair{"hd", kInfinity}, {"hd95", double{NAN}}}) {
    for (const bool swapped : {false, true}) {
      expect_passes(case_of(
          "metric", metric,
          {{"classes", 4}, {"definition", "monai"}, {"directed", true}, {"swapped", swapped}},
          {{"in.prediction", prediction},
           {"in.truth", truth},
           {std::string("out.") + metric, numbers({one_side, one_side, NAN}, {3})}}));
    }
  }
}

// nnU-Net divides by 1e-8 where the deviation is 0, in float32.
TEST(ParityKinds, CtWithoutADeviationIsDividedByAlmostNothing) {
  const auto intensity = [](double low, double high) {
    return Json{
        {"intensity",
         {{"mean", 80.3}, {"std", 0}, {"percentile_00_5", low}, {"percentile_99_5", high}}}};
  };
  const at::Tensor image = at::tensor({80.3F, 81.5F}).view({1, 1, 2});
  expect_passes(case_of("transform", "nnunet_ct", intensity(80.3, 80.3),
                        {{"in.image", image}, {"out.image", at::zeros({1, 1, 2})}}));
  expect_passes(case_of("transform", "nnunet_ct", intensity(0, 100),
                        {{"in.image", image}, {"out.image", (image - 80.3F) / at::tensor(1e-8F)}}));
}

TEST(ParityKinds, GradientsOfTsasLossMayBeDigests) {
  ParityCase parity = load_case(recorded_cases("memory", "tsa_loss_c4_a16_both_s2t")[0]);
  const std::string name = "grad.feature";
  const at::Tensor whole = parity.tensor(name), flat = whole.flatten().to(at::kDouble),
                   index = at::tensor({3, 77, 500}, at::kLong);
  parity.stored.erase(name);
  parity.metadata["digest"][name] = whole.sizes().vec();
  parity.stored[name + ".index"] = index;
  parity.stored[name + ".at"] = flat.index_select(0, index);
  parity.stored[name + ".sum"] = flat.sum().view({1});
  parity.stored[name + ".l2"] = flat.norm().view({1});
  expect_passes(parity);
  parity.stored[name + ".l2"] = 1.01 * flat.norm().view({1});
  EXPECT_EQ(run_case(parity).verdict, Verdict::kFailed);
}

// Pre-training sees the labelled samples alone, which are the first four as before.
TEST(ParityKinds, APretrainingBatchMayHaveAnyRest) {
  for (const int64_t batch : {6, 4, 12}) {
    ParityCase parity = load_case(recorded_cases("method", "bcp_acdc_pretrain")[0]);
    Json options = parity.options.all();
    options["batch"] = batch;
    parity.options = CaseOptions(options);
    for (const char* view : {"in.0.image", "in.0.label", "in.1.image", "in.1.label"})
      parity.metadata["generated"][view]["shape"][0] = batch;
    expect_passes(parity);
  }
}

// Both recorded steps lie before the gate. With the gate at iteration 1 the first step stays as it
// is, and so does the supervised loss after it; the consistency of the second step counts.
TEST(ParityKinds, AGateMayOpenWithinACase) {
  const auto result = [](int64_t gate, bool is_strict) {
    ParityCase parity = load_case(recorded_cases("method", "mean_teacher_2d_start")[0]);
    Json options = parity.options.all();
    options["gate_iterations"] = gate;
    parity.options = CaseOptions(options);
    for (const auto& [name, value] : parity.stored) {
      const bool is_same = name.starts_with("out.0.") || name.starts_with("out.1.loss.supervised");
      if (is_strict || is_same) continue;
      // A digest stores parts of a tensor: "<tensor>.at".
      for (const std::string& tensor : {name, name.substr(0, name.rfind('.'))})
        parity.metadata["tolerance_float64"][tensor] = {{"rtol", 10}, {"atol", 10}};
    }
    return run_case(parity);
  };
  EXPECT_EQ(result(2, true).verdict, Verdict::kPassed) << result(2, true).detail;
  EXPECT_EQ(result(1, false).verdict, Verdict::kPassed) << result(1, false).detail;
  EXPECT_NE(result(1, true).detail.find("out.1.loss.consistency"), std::string::npos);
  EXPECT_EQ(result(0, false).verdict, Verdict::kFailed) << "the first step has the term, too";
}

TEST(ParityKinds, AnOptionThatIsNotKnownFailsByItsName) {
  for (const auto& [kind, file] : {std::pair{"loss", "dice_sq-b3"},
                                   {"metric", "hd95-medpy-cubes"},
                                   {"schedule", "poly_lr-pre"},
                                   {"memory", "tsa_update_c2"},
                                   {"method", "supervised_2d"},
                                   {"backbone", "unet-"}}) {
    ParityCase parity = load_case(recorded_cases(kind, file)[0]);
    Json options = parity.options.all();
    options["sharpness"] = 3;
    parity.options = CaseOptions(options);
    const ParityResult result = run_case(parity);
    EXPECT_EQ(result.verdict, Verdict::kFailed) << file;
    EXPECT_NE(result.detail.find("sharpness'"), std::string::npos) << result.detail;
    EXPECT_EQ(result.detail.find("expected"), std::string::npos) << result.detail;
  }
}

TEST(ParityKinds, AValueThatIsNotImplementedFailsByItsName) {
  ParityCase parity = load_case(recorded_cases("inference", "nnunet_window")[0]);
  Json options = parity.options.all();
  options["sigma_scale"] = 0.25;
  parity.options = CaseOptions(options);
  const ParityResult result = run_case(parity);
  EXPECT_EQ(result.detail, "the option 'sigma_scale' is 0.25: the program knows 0.125 only");
}

}  // namespace
}  // namespace semiseg
