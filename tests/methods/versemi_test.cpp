// SPDX-License-Identifier: Apache-2.0
// VerSemi: its prompted network by hand, mixes of tasks, and predictions of a named task.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <map>

#include "framework/methods/parts/mixing/boxes.h"
#include "framework/nn/losses/losses_consistency.h"
#include "launch/conformance/method_case.h"
#include "launch/parity/parity_case.h"
#include "tests/nn/nn_backbone_case.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();

std::unique_ptr<Backbone> make_network(int64_t tasks, const std::string& options = "filters = 2") {
  return make_backbone(
      "versemi_vnet", options,
      {.classes = 2, .patch_size = {16, 32, 16}, .tasks = tasks, .dtype = at::kDouble});
}

at::Tensor images(int64_t count, const char* key = "x") {
  return generate(key, {count, 1, 16, 32, 16}, -1, 1, at::kDouble);
}

at::Tensor integers(const std::vector<int64_t>& values, at::IntArrayRef shape) {
  return at::tensor(values, at::kLong).view(shape);
}

at::Tensor parameter(const Backbone& network, const std::string& name) {
  for (const NamedTensor& one : network.parameters()) {
    if (one.name == name) return one.value;
  }
  return {};
}

// Features that are these numbers everywhere, and a head that is the controller's bias.
void fix_head(const Backbone& network, const at::Tensor& features, const at::Tensor& numbers) {
  parameter(network, "precls_conv.2.weight").detach().zero_();
  parameter(network, "precls_conv.2.bias").detach().copy_(features);
  parameter(network, "controller.weight").detach().zero_();
  parameter(network, "controller.bias").detach().copy_(numbers);
}

TEST(VersemiVNet, TheHeadIsMadeOfTheControllersNumbers) {
  const auto network = make_network(4);
  fix_head(*network, at::ones({8}), at::full({180}, 0.1));
  const at::Tensor tenths = network->forward(images(1), Pass{}).logits;
  EXPECT_TRUE(at::allclose(tenths, at::full_like(tenths, 0.756), 1e-7));
  const at::Tensor numbers = ((7 * at::arange(180)).remainder(13) - 6).to(at::kDouble) / 10;
  fix_head(*network, 0.1 * at::arange(8), numbers);
  const at::Tensor logits = network->forward(images(1), Pass{}).logits;
  EXPECT_NEAR(logits[0][0][0][0][0].item<double>(), -0.1728, 1e-7);
  EXPECT_NEAR(logits[0][1][3][3][3].item<double>(), -0.2464, 1e-7);
}

TEST(VersemiVNet, PromptsOfABatchAreThoseOfEachImageAlone) {
  const auto network = make_network(2);
  const at::Tensor image = images(3), prompts = integers({0, 1, 1, 2, 2, 0}, {3, 2});
  const at::Tensor all = network->forward({image, {{"prompt", prompts}}}, Pass{})["prompts"];
  EXPECT_EQ(all.sizes(), (at::IntArrayRef{3, 2, 2, 16, 32, 16}));
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t p = 0; p < 2; ++p) {
      const at::Tensor one = prompts.slice(0, i, i + 1).slice(1, p, p + 1);
      const at::Tensor logits =
          network->forward({image.slice(0, i, i + 1), {{"prompt", one}}}, Pass{}).logits;
      EXPECT_TRUE(at::allclose(logits[0], all[i][p], 1e-10, 1e-12));
    }
  }
}

// The running statistics are those of a pass for each prompt, as the reference makes them.
TEST(VersemiVNet, RunningStatisticsMoveOnceForEachPrompt) {
  const auto once = make_network(2), thrice = make_network(2);
  const Draws draws(1);
  const Pass pass{NetworkMode::kTrain, kSerial.get(), &draws, "student", {0, 1}};
  once->forward({images(2), {{"prompt", integers({0, 1, 2, 2, 0, 1}, {2, 3})}}}, pass);
  for (int64_t t = 0; t < 3; ++t)
    thrice->forward({images(2), {{"prompt", integers({t, t}, {2, 1})}}}, pass);
  for (size_t i = 0; i < once->buffers().size(); ++i) {
    const auto& [name, value] = once->buffers()[i];
    EXPECT_TRUE(at::allclose(value.to(at::kDouble), thrice->buffers()[i].value.to(at::kDouble),
                             1e-9, 1e-11))
        << name;
  }
}

TEST(VersemiVNet, TheSecondHeadNeverLearns) {
  const auto network = make_network(2);
  const Draws draws(1);
  network->forward(images(2), {NetworkMode::kTrain, kSerial.get(), &draws, "student", {0, 1}})
      .logits.square()
      .sum()
      .backward();
  const at::Tensor rows = parameter(*network, "controller.weight").grad().flatten(1).abs().sum(1);
  EXPECT_EQ(rows.slice(0, 144, 160).max().item<double>(), 0);
  EXPECT_EQ(rows.slice(0, 178, 180).max().item<double>(), 0);
  EXPECT_GT(rows.slice(0, 0, 64).max().item<double>(), 0);
  EXPECT_GT(rows.slice(0, 176, 178).max().item<double>(), 0);
}

TEST(VersemiVNet, HasNoLastLayerToHandOut) {
  expect_error(ErrorKind::kConfig, {"for each image and task", "backbone=vnet"},
               [] { make_network(2)->classifier(); });
}

TEST(MixBoxes, LieInsideEveryImageAndAreDrawnForEachSample) {
  for (int64_t i = 0; i < 20; ++i) {
    const at::Tensor offsets = draw_box_offsets("box", {96, 32}, 2. / 3, {5}, Draws(1).at(0, i));
    EXPECT_EQ(offsets.sizes(), (at::IntArrayRef{5, 2}));
    EXPECT_GE(offsets.min().item<int64_t>(), 0);
    EXPECT_LT(offsets.select(1, 0).max().item<int64_t>(), 32);
    EXPECT_LT(offsets.select(1, 1).max().item<int64_t>(), 11);
  }
  const at::Tensor mask = copy_paste_mask({96, 96, 96}, 2. / 3, integers({31, 0, 7}, {3}));
  EXPECT_EQ((1 - mask).sum().item<int64_t>(), 64 * 64 * 64);
}

TEST(SoftDice, OfSquaresMayHaveSoftTargetsAndAMask) {
  const auto dice = [](const std::vector<double>& p, const std::vector<double>& q,
                       const at::Tensor& mask = {}) {
    return dice_sq_soft(at::tensor(p, at::kDouble).view({1, 1, -1}),
                        at::tensor(q, at::kDouble).view({1, 1, -1}), mask, *kSerial)
        .item<double>();
  };
  EXPECT_NEAR(dice({0.9, 0.8, 0.1, 0.2}, {1, 1, 0, 0}), 0.0285713, 1e-7);
  EXPECT_NEAR(dice({0.5, 0.5, 0.5, 0.5}, {1, 1, 0, 0}), 0.33333222, 1e-8);
  EXPECT_NEAR(dice({0.3, 0.7}, {0.3, 0.7}), 0, 1e-12);
  EXPECT_NEAR(dice({0, 0}, {0, 0}), 0, 1e-12);
  const at::Tensor inside = integers({1, 0}, {1, 2});
  EXPECT_EQ(dice({0.4, 0.1}, {1, 0}, inside), dice({0.4, 0.9}, {1, 1}, inside));
}

class VersemiMethod : public testing::Test {
 protected:
  static MethodSetup setup(const std::string& options = "") {
    MethodSetup setup = small_setup("versemi", 2);
    setup.options = options;
    return setup;
  }
  // Records of a first step of a stage.
  static std::map<std::string, double> step(const MethodSetup& setup, int64_t stage) {
    MethodUnderTest method(setup, *kSerial);
    const Stage planned = method->plan().stages[static_cast<size_t>(stage)];
    const auto records =
        method.step(random_batch(setup, planned, 0), stage, 0, Draws(setup.seed).at(stage, 0));
    return {records.begin(), records.end()};
  }
};

TEST_F(VersemiMethod, OfAKnownTaskOnlyItsClassIsPossible) {
  MethodUnderTest method(setup(), *kSerial);
  const at::Tensor image = generate("x", {2, 1, 32, 32}, 0, 1, at::kDouble);
  const at::Tensor second = method->predictor().predict_task(image, 1).softmax(1);
  EXPECT_EQ(second.select(1, 1).max().item<double>(), 0);
  EXPECT_GT(second.select(1, 2).min().item<double>(), 0);
  const at::Tensor all = method->predictor().predict(image);
  const at::Tensor two = method->predictor().predict_task(image, 1);
  EXPECT_TRUE(at::allclose(all.select(1, 2), two.select(1, 2) - two.select(1, 0), 1e-9, 1e-10));
}

TEST_F(VersemiMethod, TheBroadcastOfTheReferenceChangesThePastedLossAlone) {
  const auto plain = step(setup(), 1), broadcast = step(setup("compat_broadcast = true"), 1);
  EXPECT_NE(plain.at("loss.paste"), broadcast.at("loss.paste"));
  for (const char* name : {"loss.supervised", "loss.synthetic", "loss.consistency"})
    EXPECT_EQ(plain.at(name), broadcast.at(name)) << name;
}

TEST_F(VersemiMethod, ADetachedAggregateIsTheSameLossWithOtherGradients) {
  const auto weights_after = [&](const std::string& options) {
    const MethodSetup setup = this->setup(options);
    MethodUnderTest method(setup, *kSerial);
    const Stage planned = method->plan().stages[1];
    method.step(random_batch(setup, planned, 0), 1, 0, Draws(setup.seed).at(1, 0));
    return method.tensors("student").front().value.detach().clone();
  };
  EXPECT_EQ(step(setup(), 1).at("loss.consistency"),
            step(setup("detach_aggregate = true"), 1).at("loss.consistency"));
  EXPECT_FALSE(at::equal(weights_after(""), weights_after("detach_aggregate = true")));
}

// The first update copies the weights, the second takes the mean.
TEST_F(VersemiMethod, TheAverageBeginsWithTheWeights) {
  const MethodSetup setup = this->setup("ema_decay = 0.99");
  MethodUnderTest method(setup, *kSerial);
  const Stage planned = method->plan().stages[0];
  const auto first_of = [&](const std::string& net) {
    return method.tensors(net).front().value.detach().clone();
  };
  method.step(random_batch(setup, planned, 0), 0, 0, Draws(setup.seed).at(0, 0));
  const at::Tensor first = first_of("student");
  EXPECT_TRUE(at::equal(first_of("teacher"), first));
  method.step(random_batch(setup, planned, 1), 0, 1, Draws(setup.seed).at(0, 1));
  EXPECT_TRUE(at::allclose(first_of("teacher"), (first + first_of("student")) / 2, 1e-12));
}

TEST_F(VersemiMethod, RefusesDataWithSeveralForegroundsInATask) {
  MethodSetup setup = this->setup();
  setup.classes = 5;
  expect_error(ErrorKind::kConfig, {"one foreground in each task", "dataset=collection"},
               [&] { MethodUnderTest(setup, *kSerial); });
  setup = this->setup();
  setup.labelled = 3;
  setup.batch = 6;
  expect_error(ErrorKind::kConfig, {"equal labelled and unlabelled parts"},
               [&] { MethodUnderTest(setup, *kSerial); });
}

}  // namespace
}  // namespace semiseg
