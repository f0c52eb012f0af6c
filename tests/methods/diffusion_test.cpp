// SPDX-License-Identifier: Apache-2.0
// Diffusion of label maps, and the network and steps of Aggregating & Decoupling, by hand.
#include "framework/methods/parts/diffusion.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <map>

#include "framework/backbones/parts/time_embedding.h"
#include "launch/conformance/method_case.h"
#include "launch/parity/parity_case.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();

TEST(Diffusion, HasTheLinearScheduleOfAThousandSteps) {
  const Diffusion diffusion(1000);
  const std::map<int64_t, double> expected = {
      {0, 0.99990000},   {1, 0.99978009},   {111, 0.87360499}, {222, 0.59680883}, {333, 0.31862486},
      {444, 0.13286481}, {555, 0.04325007}, {666, 0.01098423}, {777, 0.00217529}};
  for (const auto& [t, value] : expected) EXPECT_NEAR(diffusion.alpha_bar(t), value, 6e-9) << t;
  EXPECT_NEAR(diffusion.alpha_bar(888), 3.3572668e-4, 1e-11);
  EXPECT_NEAR(diffusion.alpha_bar(999), 4.0358298e-5, 1e-12);
  EXPECT_EQ(diffusion.sampled_steps(10),
            (std::vector<int64_t>{0, 111, 222, 333, 444, 555, 666, 777, 888, 999}));
  EXPECT_EQ(diffusion.sampled_steps(3), (std::vector<int64_t>{0, 500, 999}));
}

// The start is 1 and the network always answers ½: these are the inputs of the passes.
TEST(Diffusion, SamplesWithoutNoise) {
  const std::vector<double> expected = {1,        1.005838, 1.019079, 1.043757, 1.079032,
                                        1.110515, 1.105083, 1.019236, 0.821733, 0.509943};
  std::vector<double> given;
  std::vector<int64_t> times;
  const at::Tensor result = Diffusion(1000).sample(
      at::ones({1, 1}, at::kDouble), 10, [&](const at::Tensor& x, const at::Tensor& t, int64_t k) {
        EXPECT_EQ(k, std::ssize(given));
        given.push_back(x.item<double>());
        times.push_back(t.item<int64_t>());
        return at::full_like(x, 0.5);
      });
  ASSERT_EQ(given.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(given[i], expected[i], 1e-6) << i;
  EXPECT_EQ(times.front(), 999);
  EXPECT_EQ(times.back(), 0);
  EXPECT_EQ(result.item<double>(), 0.5);
}

TEST(Diffusion, ClampsTheAnswerOfTheNetwork) {
  const at::Tensor result = Diffusion(1000).sample(
      at::ones({1, 2}, at::kDouble), 2, [](const at::Tensor& x, const at::Tensor&, int64_t) {
        return at::tensor(std::vector<double>{5, -7}).expand_as(x);
      });
  EXPECT_TRUE(at::equal(result, at::tensor(std::vector<double>{1, -1}, at::kDouble).view({1, 2})));
}

TEST(Diffusion, MixesCleanLabelsAndNoise) {
  const Diffusion diffusion(1000);
  const at::Tensor label = at::tensor(std::vector<int64_t>{1, 0}).view({1, 2});
  const at::Tensor noise = at::full({1, 2, 2}, 3, at::kDouble);
  const at::Tensor clean = Diffusion::clean(label, noise);
  EXPECT_TRUE(
      at::equal(clean, at::tensor(std::vector<double>{-1, 1, 1, -1}, at::kDouble).view({1, 2, 2})));
  const at::Tensor x = diffusion.noisy(clean, noise, at::tensor(std::vector<int64_t>{222}));
  const double a = diffusion.alpha_bar(222);
  EXPECT_TRUE(at::allclose(x, std::sqrt(a) * clean + 3 * std::sqrt(1 - a), 1e-14));
}

TEST(TimeEmbedding, IsSinesThenCosines) {
  const at::Tensor waves =
      TimeEmbedding::sinusoids(at::tensor(std::vector<int64_t>{10, 0}), at::kCPU);
  const std::map<int64_t, double> expected = {{0, -0.544021},  {1, 0.706750},   {63, 0.001},
                                              {64, -0.839072}, {65, -0.707464}, {127, 1}};
  for (const auto& [i, value] : expected) EXPECT_NEAR(waves[0][i].item<double>(), value, 1e-6) << i;
  EXPECT_EQ(waves[1].slice(0, 0, 64).abs().max().item<double>(), 0);
  EXPECT_EQ(waves[1].slice(0, 64).min().item<double>(), 1);
}

TEST(Smooth, IsAGaussianOfThreeVoxels) {
  at::Tensor impulse = at::zeros({1, 1, 5, 5, 5}, at::kDouble);
  impulse[0][0][2][2][2] = 1;
  const at::Tensor kernel = smooth(impulse)[0][0];
  EXPECT_NEAR(kernel[2][2][2].item<double>(), 0.0922613, 1e-7);
  EXPECT_NEAR(kernel[2][1][2].item<double>(), 0.0559593, 1e-7);
  EXPECT_NEAR(kernel[1][2][3].item<double>(), 0.0339410, 1e-7);
  EXPECT_NEAR(kernel[1][1][3].item<double>(), 0.0205863, 1e-7);
  EXPECT_NEAR(kernel.sum().item<double>(), 1, 1e-12);
  const at::Tensor ones = smooth(at::ones({1, 1, 4, 4, 4}, at::kDouble))[0][0];
  EXPECT_NEAR(ones[1][2][1].item<double>(), 1, 1e-12);
  EXPECT_NEAR(ones[0][0][0].item<double>(), 0.3825487, 1e-7);
}

TEST(GumbelSoftmax, TakesTheLogarithmOfTheNumberTwice) {
  const at::Tensor x = at::tensor(std::vector<double>{1, -1}, at::kDouble).view({1, 2});
  const double even = std::exp(-std::exp(0.0));  // its noise is 0
  EXPECT_NEAR(gumbel_softmax(x, at::full({1, 2}, even, at::kDouble))[0][0].item<double>(),
              1 / (1 + std::exp(-2.0)), 1e-12);
  EXPECT_TRUE(at::isfinite(gumbel_softmax(x, at::zeros({1, 2}, at::kDouble))).all().item<bool>());
}

class AggregateDecouple : public testing::Test {
 protected:
  static MethodSetup setup(const std::string& options) {
    MethodSetup setup = small_setup("aggregate_decouple", 2);
    setup.options = "ddim_steps = 2\n" + options;
    return setup;
  }
  // One step at the given place of the training.
  static void step(MethodUnderTest& method, const MethodSetup& setup, int64_t iteration) {
    const Batch batch = random_batch(setup, method->plan().stages[0], 0);
    method.step(batch, 0, iteration, Draws(setup.seed).at(0, iteration));
  }
  static std::map<std::string, at::Tensor> tensors(MethodUnderTest& method) {
    std::map<std::string, at::Tensor> all;
    for (const NamedTensor& one : method.tensors("student")) all.emplace(one.name, one.value);
    return all;
  }
};

TEST_F(AggregateDecouple, ThetaIsAveragedOverParametersAlone) {
  MethodSetup setup = this->setup("consistency_weight = 0");
  setup.optimiser.learning_rate = 0;
  MethodUnderTest method(setup, *kSerial);
  const auto all = tensors(method);
  const std::string part = "block_six.ops.1.conv.weight";
  const at::Tensor theta = all.at("decoder_theta." + part);
  theta.detach().fill_(1);
  all.at("denoise_model.decoder." + part).detach().fill_(2);
  all.at("decoder_psi." + part).detach().fill_(4);
  step(method, setup, 0);
  EXPECT_NEAR(theta.min().item<double>(), 1.02, 1e-12);
  EXPECT_NEAR(theta.max().item<double>(), 1.02, 1e-12);
}

// With the whole loss every part learns but the dead ones; L_u alone leaves ξ and ψ without.
TEST_F(AggregateDecouple, DeadParametersNeverGetAGradient) {
  const MethodSetup setup = this->setup("");
  MethodUnderTest method(setup, *kSerial);
  step(method, setup, setup.iterations - 1);
  for (const auto& [name, value] : tensors(method)) {
    if (!value.requires_grad()) continue;
    const bool is_dead =
        name.starts_with("embedding.temb") ||
        name == "embedding.emb.ops.0.temb_fusion.temb_proj.weight" ||
        name == "denoise_model.encoder.block_five.ops.2.temb_fusion.temb_proj.bias";
    const bool is_live = name.find("conv.weight") != std::string::npos;
    if (is_dead || is_live) {
      EXPECT_EQ(value.grad().defined(), is_live) << name;
    }
  }
}

TEST_F(AggregateDecouple, DeploysThetaWithoutTheTime) {
  MethodUnderTest method(setup(""), *kSerial);
  const Backbone* deployed = method->predictor().network();
  ASSERT_NE(deployed, nullptr);
  for (const NamedTensor& one : deployed->parameters()) {
    EXPECT_EQ(one.name.find("temb"), std::string::npos);
    EXPECT_EQ(one.name.find("psi"), std::string::npos);
    EXPECT_FALSE(one.name.starts_with("denoise_model.decoder."));
  }
}

TEST_F(AggregateDecouple, PseudoLabelsInEvaluationModeMoveNoStatistics) {
  const auto counter = [&](const std::string& options) {
    const MethodSetup setup = this->setup(options);
    MethodUnderTest method(setup, *kSerial);
    step(method, setup, 0);
    const auto all = tensors(method);
    return all.at("denoise_model.encoder.block_two.ops.0.norm.num_batches_tracked").item<int64_t>();
  };
  EXPECT_EQ(counter(""), 3 + 2 + 1);  // with gradient, two of sampling, one of ψ
  EXPECT_EQ(counter("pseudo_mode = \"eval\""), 3);
}

}  // namespace
}  // namespace semiseg
