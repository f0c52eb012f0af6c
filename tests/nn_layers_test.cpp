// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "framework/core/error.h"
#include "framework/nn/layers.h"
#include "launch/parity/parity_case.h"
#include "tests/thread_communicator.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();
const Draws kDraws = Draws(7).at(0, 3);

at::Tensor noise(const std::string& key, at::IntArrayRef shape, double low = -1, double high = 1) {
  return generate(key, shape, low, high, at::kDouble);
}

Pass train_pass(const Communicator& comm, SampleIds samples = {}) {
  return {NetworkMode::kTrain, &comm, &kDraws, "pass", std::move(samples)};
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

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

// One image of few voxels goes another way than two.
TEST(Conv, OneImageIsConvolvedAndDifferentiatedAsAmongOthers) {
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
    EXPECT_TRUE(at::allclose(values[0], values[1], 1e-5, 1e-6));
    EXPECT_TRUE(at::allclose(gradients[0], gradients[1], 1e-5, 1e-5));
  }
}

// Values 1, 2, 3, 6: mean 3, biased variance 3.5, unbiased 14/3.
// Also where the image has fewer planes than the kernel.
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

TEST(BatchNorm, NormalisesByBatchStatisticsAndMovesTheRunningOnes) {
  const Module root(kDraws, "n", at::kDouble);
  const BatchNorm norm(root, 1, /*epsilon=*/0);
  const at::Tensor y =
      norm(at::tensor({1.0, 2.0, 3.0, 6.0}, at::kDouble).view({2, 1, 1, 2}), train_pass(*kSerial));
  EXPECT_NEAR(y.flatten()[3].item<double>(), 3 / std::sqrt(3.5), 1e-12);
  EXPECT_NEAR(root.buffers()[0].value.item<double>(), 0.3, 1e-12);
  EXPECT_NEAR(root.buffers()[1].value.item<double>(), 0.9 + 0.1 * 14 / 3, 1e-12);
  EXPECT_EQ(root.buffers()[2].value.item<int64_t>(), 1);
}

TEST(BatchNorm, EvaluationUsesRunningStatisticsAndChangesNothing) {
  const Module root(kDraws, "n", at::kDouble);
  const BatchNorm norm(root, 1, /*epsilon=*/0);
  root.buffers()[0].value.fill_(2);
  root.buffers()[1].value.fill_(4);
  EXPECT_NEAR(norm(at::full({1, 1, 1, 1}, 7.0, at::kDouble), Pass{}).item<double>(), 2.5, 1e-12);
  EXPECT_EQ(root.buffers()[0].value.item<double>(), 2);
  EXPECT_EQ(root.buffers()[2].value.item<int64_t>(), 0);
}

// Folded into the convolution in evaluation mode, plain and transposed; unfolded in training mode.
TEST(BatchNorm, AfterAConvolutionIsTheNormOfItsOutput) {
  for (const bool transposed : {false, true}) {
    const Module root(kDraws, "n", at::kDouble);
    const Conv conv(root.child("conv"), {.in = 2,
                                         .out = 3,
                                         .kernel = {2, 2},
                                         .stride = 2,
                                         .bias = !transposed,
                                         .transposed = transposed});
    const BatchNorm norm(root.child("norm"), 3);
    fill_parameters(root.parameters(), "after", "n");
    root.buffers()[0].value.copy_(noise("mean", {3}));
    root.buffers()[1].value.copy_(noise("variance", {3}, 0.1, 4));
    const at::Tensor x = noise("x", {2, 2, 4, 6});
    EXPECT_LT(largest_difference(norm.after(conv, x, Pass{}), norm(conv(x), Pass{})), 1e-12);
    const at::Tensor separate = norm(conv(x), train_pass(*kSerial));
    EXPECT_TRUE(at::equal(norm.after(conv, x, train_pass(*kSerial)), separate));
  }
}

TEST(BatchNorm, RefusesASingleValueForEachChannel) {
  const BatchNorm norm(Module(kDraws, "n", at::kFloat).child("deep.norm"), 3);
  try {
    norm(at::ones({1, 3, 1, 1}), train_pass(*kSerial));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig);
    EXPECT_EQ(error.parts().where, "deep.norm");
  }
}

struct NormRun {
  at::Tensor y, dx, dweight, dbias, mean, var;
};

NormRun run_norm(const at::Tensor& image, const at::Tensor& cotangent, const Communicator& comm) {
  const bool is_double = image.scalar_type() == at::kDouble;
  const Module root(kDraws, "n", is_double ? at::kDouble : at::kFloat);
  const BatchNorm norm(root, image.size(1));
  fill_parameters(root.parameters(), "norm", "n");
  const at::Tensor x = image.clone().set_requires_grad(true);
  const at::Tensor y = norm(x, train_pass(comm));
  y.backward(cotangent);
  return {y.detach(),
          x.grad(),
          root.parameters()[0].value.grad(),
          root.parameters()[1].value.grad(),
          root.buffers()[0].value,
          root.buffers()[1].value};
}

class SharedBatchNorm : public testing::TestWithParam<std::vector<int64_t>> {};

// A mean of 100 standard deviations: one-pass formulas of the variance lose four digits there.
TEST_P(SharedBatchNorm, EqualsTheNormOfTheWholeBatchForwardAndBackward) {
  const at::Tensor x = noise("x", {4, 3, 5, 6}, 57, 58),
                   cotangent = noise("cotangent", {4, 3, 5, 6});
  const NormRun whole = run_norm(x, cotangent, *kSerial);
  const std::vector<int64_t> shares = GetParam();
  const auto xs = x.split_with_sizes(shares), cotangents = cotangent.split_with_sizes(shares);
  std::vector<NormRun> runs(shares.size());
  run_ranks(static_cast<int>(shares.size()), [&](const Communicator& comm) {
    const auto rank = static_cast<size_t>(comm.rank());
    runs[rank] = run_norm(xs[rank], cotangents[rank], comm);
  });
  std::vector<at::Tensor> y, dx;
  at::Tensor dweight = at::zeros({3}, at::kDouble), dbias = dweight.clone();
  for (const auto& run : runs) {
    y.push_back(run.y);
    dx.push_back(run.dx);
    dweight += run.dweight;
    dbias += run.dbias;
    EXPECT_LT(largest_difference(run.mean, whole.mean), 1e-12);
    EXPECT_LT(largest_difference(run.var, whole.var), 1e-12);
  }
  EXPECT_LT(largest_difference(at::cat(y), whole.y), 1e-10);
  EXPECT_LT(largest_difference(at::cat(dx), whole.dx), 1e-10);
  EXPECT_LT(largest_difference(dweight, whole.dweight), 1e-10);
  EXPECT_LT(largest_difference(dbias, whole.dbias), 1e-10);
}
INSTANTIATE_TEST_SUITE_P(Shares, SharedBatchNorm,
                         testing::Values(std::vector<int64_t>{2, 2}, std::vector<int64_t>{1, 3},
                                         std::vector<int64_t>{1, 0, 3}));

// What ATen's functions give one after the other; more values than a chunk of the kernel has.
TEST(BatchNorm, InOnePassWithActivationAndDropoutIsTheirSequence) {
  const Module root(kDraws, "n", at::kDouble);
  const BatchNorm norm(root.child("norm"), 24);
  const Dropout dropout(root.child("dropout"), 0.3);
  fill_parameters(root.parameters(), "norm", "n");
  const at::Tensor cotangent = noise("cotangent", {2, 24, 29, 31});
  const Pass pass = train_pass(*kSerial, {4, 9});
  const auto run = [&](const auto& layers) {
    const at::Tensor x = noise("x", {2, 24, 29, 31}, -1, 2).set_requires_grad(true), y = layers(x);
    std::vector<at::Tensor> inputs = {x};
    for (const auto& parameter : root.parameters()) inputs.push_back(parameter.value);
    auto results = torch::autograd::grad({y}, inputs, {cotangent});
    results.push_back(y.detach());
    return results;
  };
  const auto fused = run([&](const at::Tensor& x) { return norm(x, pass, 0.1, &dropout); });
  const auto apart = run([&](const at::Tensor& x) {
    const at::Tensor z = at::batch_norm(x, root.parameters()[0].value, root.parameters()[1].value,
                                        {}, {}, /*training=*/true, 0.1, 1e-5, false);
    return dropout(at::leaky_relu(z, 0.1), pass);
  });
  for (size_t i = 0; i < fused.size(); ++i)
    EXPECT_LT(largest_difference(fused[i], apart[i]), 1e-11) << i;
}

TEST(BatchNorm, HasTheSameBitsOnAnyNumberOfThreads) {
  const Module root(kDraws, "n", at::kFloat);
  const BatchNorm norm(root, 24);
  std::vector<at::Tensor> results[2];
  for (const int threads : {1, 3}) {
    const int before = at::get_num_threads();
    at::set_num_threads(threads);
    const at::Tensor x = noise("x", {4, 24, 40, 40}).to(at::kFloat).set_requires_grad(true);
    const at::Tensor y = norm(x, train_pass(*kSerial), 0);
    results[threads / 2] = {
        y.detach(), torch::autograd::grad({y}, {x}, {noise("g", y.sizes()).to(at::kFloat)})[0]};
    at::set_num_threads(before);
  }
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(at::equal(results[0][i], results[1][i]));
}

// Two ranks' norm of bfloat16 images against one rank's of float64.
TEST(BatchNorm, OfBfloat16ImagesOnTwoRanksKeepsItsStatisticsInFloat32) {
  const at::Tensor x = noise("x", {4, 3, 5, 6}, 1, 2), cotangent = noise("cotangent", {4, 3, 5, 6});
  const NormRun whole = run_norm(x, cotangent, *kSerial);
  NormRun runs[2];
  run_ranks(2, [&](const Communicator& comm) {
    const int64_t first = comm.rank() == 0 ? 0 : 1, end = comm.rank() == 0 ? 1 : 4;
    runs[comm.rank()] = run_norm(x.slice(0, first, end).to(at::kBFloat16),
                                 cotangent.slice(0, first, end).to(at::kBFloat16), comm);
  });
  const auto joined = [&](at::Tensor NormRun::*part) {
    return at::cat({runs[0].*part, runs[1].*part}).to(at::kDouble);
  };
  EXPECT_EQ(runs[0].y.scalar_type(), at::kBFloat16);
  EXPECT_EQ(runs[0].mean.scalar_type(), at::kFloat);
  EXPECT_LT(largest_difference(runs[1].mean, whole.mean), 1e-4);
  EXPECT_LT(largest_difference(runs[1].var, whole.var), 1e-4);
  EXPECT_LT(largest_difference(joined(&NormRun::y), whole.y), 0.03);
  EXPECT_LT(largest_difference(joined(&NormRun::dx), whole.dx), 0.03);
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
