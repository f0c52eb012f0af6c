// SPDX-License-Identifier: Apache-2.0
// Batch norm: of one rank and many, folded into a convolution, in one pass with what follows it.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "framework/core/error.h"
#include "framework/nn/kernels/global_moments.h"
#include "launch/conformance/thread_communicator.h"
#include "tests/nn/nn_layer_case.h"

namespace semiseg {
namespace {

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

// The functions of several ranks: the CPU's own, and the form of GPUs on CPU tensors.
using NormOfRanks = decltype(&batch_norm);

NormRun run_norm(const at::Tensor& image, const at::Tensor& cotangent, const Communicator& comm,
                 NormOfRanks batch_norm_of_ranks = &batch_norm) {
  const bool is_double = image.scalar_type() == at::kDouble;
  const Module root(kDraws, "n", is_double ? at::kDouble : at::kFloat);
  const BatchNorm norm(root, image.size(1));
  fill_parameters(root.parameters(), "norm", "n");
  const at::Tensor x = image.clone().set_requires_grad(true);
  const std::string path = "norm";
  const BatchNormTensors tensors{
      root.parameters()[0].value, root.parameters()[1].value, root.buffers()[0].value,
      root.buffers()[1].value,
      /*epsilon=*/1e-5,           /*momentum=*/0.1,           path};
  const at::Tensor y = batch_norm_of_ranks(x, tensors, {.slope = 0.1}, comm);
  y.backward(cotangent);
  return {y.detach(),
          x.grad(),
          root.parameters()[0].value.grad(),
          root.parameters()[1].value.grad(),
          root.buffers()[0].value,
          root.buffers()[1].value};
}

struct SharedNorm {
  const char* form;
  NormOfRanks batch_norm;
  std::vector<int64_t> shares;
};

std::vector<SharedNorm> shared_norms() {
  std::vector<SharedNorm> cases;
  for (const std::vector<int64_t>& shares : {std::vector<int64_t>{2, 2}, {1, 3}, {1, 0, 3}}) {
    cases.push_back({"Cpu", &batch_norm, shares});
    cases.push_back({"FormOfGpus", &batch_norm_aten, shares});
  }
  return cases;
}

class SharedBatchNorm : public testing::TestWithParam<SharedNorm> {};

// A mean of 100 standard deviations: one-pass formulas of the variance lose four digits there.
TEST_P(SharedBatchNorm, EqualsTheNormOfTheWholeBatchForwardAndBackward) {
  const at::Tensor x = noise("x", {4, 3, 5, 6}, 57, 58),
                   cotangent = noise("cotangent", {4, 3, 5, 6});
  const NormRun whole = run_norm(x, cotangent, *kSerial);
  const std::vector<int64_t>& shares = GetParam().shares;
  const auto xs = x.split_with_sizes(shares), cotangents = cotangent.split_with_sizes(shares);
  std::vector<NormRun> runs(shares.size());
  run_ranks(static_cast<int>(shares.size()), [&](const Communicator& comm) {
    const auto rank = static_cast<size_t>(comm.rank());
    runs[rank] = run_norm(xs[rank], cotangents[rank], comm, GetParam().batch_norm);
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
INSTANTIATE_TEST_SUITE_P(Shares, SharedBatchNorm, testing::ValuesIn(shared_norms()),
                         [](const auto& info) {
                           std::string name = info.param.form;
                           for (const int64_t share : info.param.shares)
                             name += "_" + std::to_string(share);
                           return name;
                         });

// CUDA's kernels take such tensors without a word, or stop the program.
TEST(BatchNorm, TheFormOfGpusRefusesValuesOfChannelsThatItsKernelsDoNotTake) {
  const at::Tensor x = at::ones({2, 3, 4, 4}), ones = at::ones({3}), two = at::ones({2});
  const std::string path = "norm";
  run_ranks(2, [&](const Communicator& comm) {
    for (const at::Tensor& bad : {two, ones.to(at::kDouble)}) {
      const BatchNormTensors tensors{ones, bad, ones.clone(), ones.clone(), 1e-5, 0.1, path};
      EXPECT_THROW(batch_norm_aten(x, tensors, {}, comm), Error);
    }
  });
}

// Compares with ATen's functions, one after the other, on more values than a chunk of the kernel
// has.
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
  for (const NormOfRanks form : {&batch_norm, &batch_norm_aten}) {
    NormRun runs[2];
    run_ranks(2, [&](const Communicator& comm) {
      const int64_t first = comm.rank() == 0 ? 0 : 1, end = comm.rank() == 0 ? 1 : 4;
      runs[comm.rank()] = run_norm(x.slice(0, first, end).to(at::kBFloat16),
                                   cotangent.slice(0, first, end).to(at::kBFloat16), comm, form);
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
}

}  // namespace
}  // namespace semiseg
