// SPDX-License-Identifier: Apache-2.0
// The V-Nets of TAC, Aggregating & Decoupling and VerSemi: sizes, heads and gates.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tests/nn/nn_backbone_case.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

int64_t count(const std::string& name, const NetworkShape& shape, const std::string& options = "") {
  return make_backbone(name, options, shape)->parameter_count();
}

// Counts the parameters whose name has this part.
int64_t count_of(const Backbone& network, const std::string& part) {
  int64_t sum = 0;
  for (const NamedTensor& one : network.parameters()) {
    if (one.name.find(part) != std::string::npos) sum += one.value.numel();
  }
  return sum;
}

TEST(TacVNet, HasTheReferencesParameters) {
  const auto network = make_backbone("tac_vnet", "", {.classes = 2});
  EXPECT_EQ(network->parameter_count(), 9472414);
  EXPECT_EQ(count_of(*network, "Att5"), 16835);
  EXPECT_EQ(count_of(*network, "Att4"), 4323);
  EXPECT_EQ(count_of(*network, "Att3"), 1139);
  EXPECT_EQ(count_of(*network, "Att2"), 1251);
  EXPECT_EQ(network->buffers().size(), 3u * 41);
}

TEST(TacVNet, ShowsTheMapsOfBothViews) {
  const auto network =
      make_backbone("tac_vnet", "filters = 2", {.classes = 2, .patch_size = {32, 32, 16}});
  const NetworkOutput out = network->forward(at::ones({1, 1, 32, 32, 16}), Pass{});
  ASSERT_EQ(out.others.size(), 9u);
  EXPECT_EQ(out["encoder_5"].sizes(), (at::IntArrayRef{1, 32, 2, 2, 1}));
  EXPECT_EQ(out["attention_4"].sizes(), (at::IntArrayRef{1, 16, 4, 4, 2}));
  EXPECT_EQ(out.others.back().name, "attention_1");
  EXPECT_EQ(out["attention_1"].sizes(), (at::IntArrayRef{1, 2, 32, 32, 16}));
  expect_classifier_of_features(*network, at::ones({1, 1, 32, 32, 16}));
}

TEST(TacVNet, AGateWithoutWeightsLetsHalfThrough) {
  const auto network =
      make_backbone("tac_vnet", "filters = 2", {.classes = 2, .patch_size = {32, 32}});
  for (const NamedTensor& one : network->parameters()) {
    const bool is_psi =
        one.name.find("psi.0") != std::string::npos || one.name.ends_with("psi.1.bias");
    if (is_psi) one.value.detach().zero_();
  }
  const at::Tensor image = generate("x", {1, 1, 32, 32}, -1, 1, at::kFloat);
  const NetworkOutput out = network->forward(image, Pass{});
  for (const char* level : {"1", "2", "3", "4"}) {
    EXPECT_TRUE(at::allclose(out[std::string("attention_") + level],
                             out[std::string("encoder_") + level] / 2))
        << level;
  }
}

TEST(DiffVNet, HasTheReferencesParameters) {
  EXPECT_EQ(count("diff_vnet", {.classes = 2}), 57891910);
  EXPECT_EQ(count("diff_vnet", {.classes = 4}), 57893836);
  EXPECT_EQ(count("diff_vnet", {.classes = 5}), 57894799);
  EXPECT_EQ(count("diff_vnet", {.classes = 14}), 57903466);
}

// The path of θ, which is deployed, knows no time.
int64_t deployed_count(int64_t classes) {
  const auto network = make_backbone("diff_vnet", "", {.classes = classes});
  int64_t sum = 0;
  for (const NamedTensor& one : network->parameters()) {
    const bool is_of_theta = one.name.starts_with("embedding.") ||
                             one.name.starts_with("decoder_theta.") ||
                             one.name.starts_with("denoise_model.encoder.");
    if (is_of_theta && one.name.find("temb") == std::string::npos) sum += one.value.numel();
  }
  return sum;
}

TEST(DiffVNet, DeploysAsManyParametersAsAPlainVNet) {
  EXPECT_EQ(deployed_count(2), 37777730);
  EXPECT_EQ(deployed_count(4), 37777796);
  EXPECT_EQ(deployed_count(5), 37777829);
  EXPECT_EQ(deployed_count(14), 37778126);
  EXPECT_EQ(count("vnet", {.classes = 2}, "filters = 32"), 37777730);
}

TEST(DiffVNet, ItsLogitsDependOnTheDeployedParametersAlone) {
  const auto network =
      make_backbone("diff_vnet", "filters = 2", {.classes = 3, .patch_size = {16, 16, 16}});
  network->forward(at::ones({1, 1, 16, 16, 16}), Pass{}).logits.square().sum().backward();
  int64_t reached = 0;
  for (const NamedTensor& one : network->parameters())
    reached += one.value.grad().defined() ? one.value.numel() : 0;
  EXPECT_EQ(reached, count("vnet", {.classes = 3}, "filters = 2"));
}

TEST(DiffVNet, ComputesTheHeadsThatAPassNames) {
  const auto network =
      make_backbone("diff_vnet", "filters = 2", {.classes = 3, .patch_size = {32, 32}});
  const at::Tensor image = generate("x", {2, 1, 32, 32}, -1, 1, at::kFloat);
  EXPECT_TRUE(network->forward(image, Pass{}).others.empty());
  EXPECT_TRUE(network->forward(image, Pass{}).logits.defined());
  const NetworkOutput psi = network->forward(image, {.heads = {"psi"}});
  EXPECT_FALSE(psi.logits.defined());
  EXPECT_EQ(psi["psi"].sizes(), (at::IntArrayRef{2, 3, 32, 32}));
  const NetworkInput noisy(image, {{"noisy_label", at::zeros({2, 3, 32, 32})},
                                   {"time", at::tensor(std::vector<int64_t>{0, 999})}});
  const at::Tensor xi = network->forward(noisy, {.heads = {"xi"}})["xi"];
  EXPECT_FALSE(at::allclose(xi[0], network->forward(noisy, {.heads = {"xi"}})["xi"][1]));
  EXPECT_THROW(network->forward(image, {.heads = {"xi"}}), Error);
}

TEST(VersemiVNet, HasTheReferencesParameters) {
  const NetworkShape four{.classes = 2, .tasks = 4};
  EXPECT_EQ(count("versemi_vnet", four), 9484144);
  EXPECT_EQ(count("versemi_vnet", four, "second_head = false"), 9479428);
}

TEST(SystemVNets, RefuseSidesThatAreNoMultiplesOf16) {
  for (const char* name : {"tac_vnet", "diff_vnet", "versemi_vnet"}) {
    expect_error(ErrorKind::kConfig, {name, "multiple of 16", "[112, 100, 80]", "patch_size"}, [&] {
      make_backbone(name, "filters = 2", {.classes = 2, .patch_size = {112, 100, 80}});
    });
  }
}

}  // namespace
}  // namespace semiseg
