// SPDX-License-Identifier: Apache-2.0
// The loss on the heads of all scales, by hand and in the supervised method.
#include "framework/methods/parts/losses/deep_supervision.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "launch/conformance/training.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

TEST(DeepSupervision, WeightsHalveAndTheCoarsestIsLeftOut) {
  EXPECT_EQ(deep_supervision_weights(0), (std::vector<double>{1}));
  EXPECT_EQ(deep_supervision_weights(1), (std::vector<double>{2.0 / 3, 1.0 / 3}));
  EXPECT_EQ(deep_supervision_weights(3), (std::vector<double>{4.0 / 7, 2.0 / 7, 1.0 / 7, 0}));
}

TEST(DeepSupervision, ALabelIsReducedToTheVoxelsUnderTheCentres) {
  const at::Tensor label = at::arange(12, at::kLong).view({1, 2, 6});
  EXPECT_TRUE(
      at::equal(label_at(label, {1, 3}), at::tensor({7, 9, 11}, at::kLong).view({1, 1, 3})));
  EXPECT_TRUE(
      at::equal(label_at(label, {2, 2}), at::tensor({1, 4, 7, 10}, at::kLong).view({1, 2, 2})));
  EXPECT_TRUE(at::equal(label_at(label, {2, 6}), label));
  const at::Tensor volume = at::arange(64, at::kFloat).view({1, 4, 4, 4});
  EXPECT_TRUE(at::equal(label_at(volume, {2, 2, 2}),
                        at::_upsample_nearest_exact3d(volume.unsqueeze(0), {2, 2, 2})[0]));
}

MethodSetup supervised(const std::string& backbone, const std::string& options) {
  MethodSetup setup = small_setup("supervised");
  setup.backbone = backbone;
  setup.options = options;
  return setup;
}

constexpr const char* kNetwork =
    "name = 'nnunet'\nfeatures = [4, 6, 8]\nkernel_sizes = [3, 3, 3, 3, 3, 3]\n"
    "strides = [1, 1, 2, 2, 2, 2]\nconvolutions_per_stage = [1, 1, 1]\n"
    "convolutions_per_stage_decoder = [1, 1]\n";

// The sum of what two steps change in the heads of the decoder, the coarsest first.
std::vector<double> change_of_heads(const std::string& backbone, const std::string& options) {
  const auto comm = make_serial_communicator();
  const MethodSetup setup = supervised(backbone, options);
  MethodUnderTest method(setup, *comm);
  const StateMap before = state_of(method);
  train_stages(method, setup, *comm);
  std::vector<double> changes;
  for (const auto& [name, value] : state_of(method)) {
    if (!name.starts_with("student/") || name.find("seg_layers") == std::string::npos ||
        !name.ends_with("weight"))
      continue;
    changes.push_back((std::get<at::Tensor>(value) - std::get<at::Tensor>(before.at(name)))
                          .abs()
                          .sum()
                          .item<double>());
  }
  return changes;
}

TEST(DeepSupervision, TrainsTheHeadsOfTheNetwork) {
  std::string with_heads = kNetwork;
  with_heads += "deep_supervision = true";
  const auto deep = change_of_heads(with_heads, "deep_supervision = true\nloss = 'nnunet'");
  ASSERT_EQ(deep.size(), 2u);
  EXPECT_GT(deep[0], 0);
  EXPECT_GT(deep[1], 0);
  // A head without a loss only decays.
  const auto plain = change_of_heads(with_heads, "loss = 'nnunet'");
  EXPECT_LT(plain[0], deep[0]);
}

TEST(DeepSupervision, ANetworkWithoutHeadsIsRefused) {
  expect_error(ErrorKind::kConfig,
               {"auxiliary heads", "backbone.name", "backbone.deep_supervision=true"},
               [] { change_of_heads(kNetwork, "deep_supervision = true"); });
}

// The loss is that of losses_compound.h alone.
TEST(DeepSupervision, TheLossOfNnunetIsTakenWhereAskedFor) {
  const auto comm = make_serial_communicator();
  const auto first_loss = [&](const std::string& options) {
    const MethodSetup setup = supervised(kNetwork, options);
    MethodUnderTest method(setup, *comm);
    for (const auto& [name, value] : train_stages(method, setup, *comm))
      if (name == "loss.total") return value;
    return 0.0;
  };
  // CE − Dice lies one Dice below CE + (1 − Dice), and 0.5 (CE + D) is half of that.
  EXPECT_NE(first_loss("loss = 'nnunet'"), first_loss(""));
  EXPECT_NE(first_loss("loss = 'nnunet'"), first_loss("loss = 'nnunet'\nbatch_dice = false"));
}

}  // namespace
}  // namespace semiseg
