// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tests/nn/nn_backbone_case.h"

namespace semiseg {
namespace {

std::unique_ptr<Backbone> make_vnet(const std::string& options, int64_t channels = 1) {
  return make_backbone("vnet", options,
                       {.channels = channels, .classes = 3, .patch_size = {16, 16, 32}});
}

TEST(VNet, LogitsAreItsClassifierOfItsFeatures) {
  const at::Tensor image = generate("x", {2, 1, 16, 16, 32}, -1, 1, at::kFloat);
  for (const char* head : {"conv1x1", "conv3x3"}) {
    const auto net = make_vnet(std::string("filters = 2\nhead = \"") + head + "\"");
    expect_classifier_of_features(*net, image);
    EXPECT_EQ(net->forward(image, Pass{}).features.sizes(), (at::IntArrayRef{2, 2, 16, 16, 32}));
  }
}

TEST(VNet, FeaturesAreThoseAfterTheDropoutAndLackWholeChannels) {
  const auto comm = make_serial_communicator();
  const Draws draws(7);
  const auto net = make_vnet("filters = 16\nnorm = \"group\"");
  const at::Tensor features = net->forward(generate("x", {1, 1, 16, 16, 32}, -1, 1, at::kFloat),
                                           {NetworkMode::kTrain, comm.get(), &draws, "pass", {0}})
                                  .features;
  const auto dropped = (features.flatten(2) == 0).all(2).sum().item<int64_t>();
  EXPECT_GE(dropped, 3);  // 16 with probability ½: fewer than 3 once in 500
  EXPECT_LE(dropped, 13);
}

// A block with zero weights is its input, so the first level's 1-channel image goes through to all
// 16 channels, and the ReLU comes after the sum.
TEST(VNet, AResidualBlockAddsItsInputBeforeTheLastRelu) {
  const auto net = make_vnet("filters = 16\nnorm = \"none\"\nresidual = true");
  for (const auto& parameter : net->parameters()) parameter.value.detach().zero_();
  const at::Tensor image = generate("x", {1, 1, 16, 16, 16}, -1, 1, at::kFloat);
  const at::Tensor features = net->forward(image, Pass{}).features;
  EXPECT_TRUE(at::equal(features, at::relu(image).expand_as(features)));
}

TEST(VNet, RefusesWhatDoesNotFit) {
  EXPECT_THROW(make_vnet("filters = 8\nnorm = \"group\""), Error);
  EXPECT_THROW(make_vnet("residual = true", /*channels=*/3), Error);
  EXPECT_NO_THROW(make_vnet("filters = 8\nnorm = \"group\"\nnorm_groups = 8"));
  try {
    make_vnet("filters = 2")->forward(at::zeros({1, 1, 16, 16, 24}), Pass{});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig);
    EXPECT_EQ(error.parts().got, "[16, 16, 24]");
    EXPECT_FALSE(error.parts().fix.empty());
  }
}

}  // namespace
}  // namespace semiseg
