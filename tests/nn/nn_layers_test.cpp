// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "framework/nn/layers.h"
#include "tests/nn/nn_layer_case.h"

namespace semiseg {
namespace {

TEST(Module, ListsTensorsUnderTheirPathsInOrderOfConstruction) {
  const Module root(kDraws, "student", at::kFloat);
  const Module block = root.child("encoder").child("block");
  const Conv conv(block.child("0"), {.in = 2, .out = 3, .kernel = {3, 3}});
  const BatchNorm norm(block.child("1"), 3);
  std::vector<std::string> parameters, buffers;
  for (const auto& item : root.parameters()) parameters.push_back(item.name);
  for (const auto& item : root.buffers()) buffers.push_back(item.name);
  EXPECT_EQ(parameters,
            (std::vector<std::string>{"encoder.block.0.weight", "encoder.block.0.bias",
                                      "encoder.block.1.weight", "encoder.block.1.bias"}));
  EXPECT_EQ(buffers,
            (std::vector<std::string>{"encoder.block.1.running_mean", "encoder.block.1.running_var",
                                      "encoder.block.1.num_batches_tracked"}));
  EXPECT_EQ(root.buffers()[2].value.scalar_type(), at::kLong);
}

TEST(Conv, BeginsUniformWithinOneOverRootFanIn) {
  const Conv conv(Module(kDraws, "student", at::kFloat), {.in = 16, .out = 32, .kernel = {3, 3}});
  const double bound = 1 / 12.0;  // fan_in = 16 · 9
  EXPECT_LE(conv.weight().abs().max().item<double>(), bound);
  EXPECT_GT(conv.weight().abs().max().item<double>(), 0.99 * bound);
  EXPECT_NEAR(conv.weight().mean().item<double>(), 0, 0.003);
  EXPECT_NEAR(conv.weight().std().item<double>(), bound / std::sqrt(3), 0.002);
  EXPECT_LE(conv.bias().abs().max().item<double>(), bound);
  EXPECT_GT(conv.bias().abs().max().item<double>(), 0.8 * bound);
}

TEST(Conv, InitialValuesDependOnTheNetsNameAndNotOnTheDtype) {
  const ConvOptions options{.in = 2, .out = 2, .kernel = {3, 3}};
  const Conv first(Module(kDraws, "net1", at::kFloat), options),
      second(Module(kDraws, "net2", at::kFloat), options);
  const Conv wide(Module(kDraws, "net1", at::kDouble), options);
  EXPECT_FALSE(at::equal(first.weight(), second.weight()));
  EXPECT_TRUE(at::equal(first.weight().to(at::kDouble), wide.weight()));
}

TEST(Conv, TransposedOneDoublesTheSide) {
  const Conv up(Module(kDraws, "n", at::kFloat),
                {.in = 4, .out = 2, .kernel = {2, 2, 2}, .stride = 2, .transposed = true});
  EXPECT_EQ(up.weight().sizes(), (at::IntArrayRef{4, 2, 2, 2, 2}));
  EXPECT_EQ(up(at::ones({1, 4, 3, 4, 5})).sizes(), (at::IntArrayRef{1, 2, 6, 8, 10}));
}

// In float32 on the CPU, whatever the number of channels and images: what follows keeps the layout.
TEST(Conv, GivesChannelsLast) {
  for (const int64_t channels : {1, 3}) {
    for (const int64_t images : {1, 2}) {
      const Module root(kDraws, "n", at::kFloat);
      const Conv conv(root.child("3d"), {.in = channels, .out = 4, .kernel = {3, 3, 3}}),
          flat(root.child("2d"), {.in = channels, .out = 4, .kernel = {3, 3}});
      const at::Tensor x = at::ones({images, channels, 6, 5, 4});
      EXPECT_TRUE(conv(x).is_contiguous(at::MemoryFormat::ChannelsLast3d)) << channels << images;
      EXPECT_TRUE(flat(x[0].transpose(0, 1)).is_contiguous(at::MemoryFormat::ChannelsLast));
    }
  }
}

// Left to itself, ATen sends one image of few voxels another way than two.
TEST(Conv, OneImageHasTheBitsThatItHasAmongOthers) {
  for (const int64_t channels : {1, 3}) {
    const Conv conv(Module(kDraws, "n", at::kFloat),
                    {.in = channels, .out = 4, .kernel = {3, 3, 3}, .padding = 1});
    const at::Tensor x = noise("x", {2, channels, 6, 5, 4}).to(at::kFloat);
    const at::Tensor cotangent = noise("cotangent", {1, 4, 6, 5, 4}).to(at::kFloat);
    std::vector<at::Tensor> values, gradients;
    for (const auto& images : {x.slice(0, 0, 1), x}) {
      const at::Tensor y = conv(images).slice(0, 0, 1);
      y.backward(cotangent);
      values.push_back(y.detach());
      gradients.push_back(conv.weight().grad().clone());
      conv.weight().mutable_grad().zero_();
    }
    EXPECT_TRUE(at::equal(values[0], values[1]));
    EXPECT_TRUE(at::allclose(gradients[0], gradients[1], 1e-5, 1e-5));
  }
}

// Values 1, 2, 3, 6: mean 3, biased variance 3.5, unbiased 14/3.
// Also where the image has fewer planes than the kernel.
// Terms of one sign, whose rounding adds up: 5.8e-6 off with the whole batch in one sum.
TEST(Conv, GradientsOfKernelAndBiasKeepTheirDigitsInALargeBatch) {
  const auto gradients = [](at::ScalarType dtype) {
    const Module root(kDraws, "n", dtype);
    const Conv conv(root, {.in = 4, .out = 3, .kernel = {3, 3}, .padding = 1});
    const at::Tensor x = noise("x", {45, 4, 48, 48}, 0, 1).to(dtype);
    const at::Tensor y = conv(x);
    return torch::autograd::grad({y}, {conv.weight(), conv.bias()},
                                 {noise("g", y.sizes(), 0, 1).to(dtype)});
  };
  const auto exact = gradients(at::kDouble), got = gradients(at::kFloat);
  for (size_t i = 0; i < exact.size(); ++i)
    EXPECT_LT(((got[i] - exact[i]).norm() / exact[i].norm()).item<double>(), 3e-6) << i;
}

TEST(Conv, WithoutABiasItIsDifferentiatedAlike) {
  const auto gradients = [](at::ScalarType dtype) {
    const Module root(kDraws, "n", dtype);
    const Conv conv(root, {.in = 4, .out = 3, .kernel = {3, 3}, .padding = 1, .bias = false});
    const at::Tensor x = noise("x", {9, 4, 6, 5}).to(dtype).set_requires_grad(true), y = conv(x);
    return torch::autograd::grad({y}, {x, conv.weight()}, {noise("g", y.sizes()).to(dtype)});
  };
  const auto exact = gradients(at::kDouble), got = gradients(at::kFloat);
  for (size_t i = 0; i < exact.size(); ++i)
    EXPECT_LT(((got[i] - exact[i]).norm() / exact[i].norm()).item<double>(), 1e-6) << i;
}

TEST(Conv, OfABfloat16ImageIsThatOfFloat32ToItsRounding) {
  for (const std::vector<int64_t>& size :
       {std::vector<int64_t>{8, 6}, {1, 4, 4}, {2, 4, 4}, {3, 4, 5}, {4, 2, 2}, {4, 8, 8}}) {
    const Module root(kDraws, "n", at::kFloat);
    const Conv conv(
        root, {.in = 16, .out = 8, .kernel = std::vector<int64_t>(size.size(), 3), .padding = 1});
    std::vector<int64_t> shape = {3, 16};
    shape.insert(shape.end(), size.begin(), size.end());
    const at::Tensor x = noise("x", shape).to(at::kFloat);
    const auto gradients = [&](at::ScalarType dtype) {
      const at::Tensor image = x.to(dtype).set_requires_grad(true), y = conv(image);
      EXPECT_EQ(y.scalar_type(), dtype);
      const auto taken = torch::autograd::grad({y}, {image, conv.weight(), conv.bias()},
                                               {noise("g", y.sizes()).to(dtype)});
      EXPECT_EQ(taken[1].scalar_type(), at::kFloat);
      return std::vector<at::Tensor>{y.detach().to(at::kFloat), taken[0].to(at::kFloat), taken[1],
                                     taken[2]};
    };
    const auto full = gradients(at::kFloat), half = gradients(at::kBFloat16);
    for (size_t i = 0; i < full.size(); ++i) {
      EXPECT_LT(((half[i] - full[i]).norm() / full[i].norm()).item<double>(), 0.02)
          << i << " of size " << size[0];
    }
  }
}

TEST(Dropout, KeepsOneMinusPAndScalesToTheSameMean) {
  const Dropout dropout(Module(kDraws, "n", at::kFloat).child("drop"), 0.2);
  const at::Tensor x = at::ones({2, 8, 64, 64}).set_requires_grad(true);
  const at::Tensor y = dropout(x, train_pass(*kSerial, {0, 1}));
  const at::Tensor kept = y != 0;
  EXPECT_NEAR(kept.to(at::kDouble).mean().item<double>(), 0.8, 0.006);  // 3.8 standard errors
  EXPECT_TRUE(at::allclose(y.masked_select(kept), at::full({}, 1.25F)));
  y.sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), y.detach()));
}

TEST(Dropout, BelongsToTheSampleAndToThePass) {
  const Dropout dropout(Module(kDraws, "n", at::kFloat).child("drop"), 0.5);
  const at::Tensor x = at::ones({3, 4, 8, 8});
  const at::Tensor all = dropout(x, train_pass(*kSerial, {4, 5, 6}));
  const at::Tensor some = dropout(x.slice(0, 0, 1), train_pass(*kSerial, {6}));
  EXPECT_TRUE(at::equal(some[0], all[2]));
  EXPECT_FALSE(at::equal(all[0], all[1]));
  Pass other = train_pass(*kSerial, {4, 5, 6});
  other.name = "other";
  EXPECT_FALSE(at::equal(dropout(x, other), all));
}

TEST(Dropout, ByChannelKeepsOrDropsAWholeChannel) {
  const Dropout dropout(Module(kDraws, "n", at::kFloat), 0.5, DropoutKind::kChannel);
  const at::Tensor y = dropout(at::ones({2, 32, 4, 4}), train_pass(*kSerial, {0, 1}));
  EXPECT_TRUE(at::equal(y, y.slice(2, 0, 1).slice(3, 0, 1).expand_as(y)));
  EXPECT_TRUE(((y == 0).logical_or(y == 2)).all().item<bool>());
  EXPECT_NE(y.sum().item<double>(), 0);
}

TEST(Dropout, IsTheIdentityInEvaluationAndDrawsNothingAtZero) {
  const Module root(kDraws, "n", at::kFloat);
  const at::Tensor x = at::ones({1, 2, 2, 2});
  EXPECT_TRUE(Dropout(root, 0.5)(x, Pass{}).is_same(x));
  EXPECT_TRUE(Dropout(root, 0)(x, {NetworkMode::kTrain, kSerial.get()}).is_same(x));
}

}  // namespace
}  // namespace semiseg
