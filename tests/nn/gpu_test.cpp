// SPDX-License-Identifier: Apache-2.0
// Compares code with its own GPU implementation with the CPU. Skipped, and counted, without a GPU.
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "framework/comm/communicator.h"
#include "framework/config/compose.h"
#include "framework/core/device.h"
#include "framework/core/error.h"
#include "framework/core/random/draws.h"
#include "framework/methods/tsa/class_statistics.h"
#include "framework/nn/backbone.h"
#include "framework/nn/kernels/upsample.h"
#include "framework/nn/losses/offset_cross_entropy.h"
#include "framework/nn/wrapped_backbone.h"

namespace semiseg {
namespace {

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!at::hasCUDA() || at::accelerator::deviceCount() == 0) GTEST_SKIP() << "no GPU here";
    device_ = choose_device("cuda", 0);
    use_repeatable_gpu_kernels(/*tf32=*/false);
  }
  at::Device device_ = at::kCPU;
};

TEST(Device, WithoutAGpuCudaIsRefusedAndAutoIsTheCpu) {
  if (at::hasCUDA() && at::accelerator::deviceCount() > 0) GTEST_SKIP() << "a GPU is here";
  EXPECT_TRUE(choose_device("auto", 0).is_cpu());
  EXPECT_THROW(choose_device("cuda", 0), Error);
}

TEST_F(Gpu, UniformDrawsHaveTheBitsOfTheCpu) {
  const Draws draws = Draws(3).at(0, 7);
  SampleIds samples;
  for (int64_t i = 0; i < 70; ++i) samples.push_back(3 * i);
  const at::Tensor expected = draws.uniform("x", {5, 11}, samples);
  EXPECT_TRUE(at::equal(draws.on(device_).uniform("x", {5, 11}, samples).cpu(), expected));
  EXPECT_TRUE(at::equal(draws.on(device_).uniform("y", {9}).cpu(), draws.uniform("y", {9})));
}

TEST_F(Gpu, NormalDrawsAreThoseOfTheCpuToRounding) {
  const Draws draws = Draws(3).at(0, 7);
  const at::Tensor expected = draws.normal("x", {33, 17}, {0, 4});
  EXPECT_LE(
      (draws.on(device_).normal("x", {33, 17}, {0, 4}).cpu() - expected).abs().max().item<double>(),
      1e-6);
}

struct LossCase {
  at::Tensor logits, label, table, mask;
};

LossCase loss_case(int64_t classes, at::ScalarType dtype, bool channels_last) {
  const Draws draws(1);
  at::Tensor logits = (6 * draws.uniform("logits", {3, classes, 37, 29}) - 3).to(dtype);
  if (channels_last) logits = logits.contiguous(at::MemoryFormat::ChannelsLast);
  at::Tensor label = draws.integers("label", {3, 37, 29}, 0, classes);
  label[0][0].fill_(kIgnoreLabel);
  return {logits, label, draws.normal("table", {classes, classes}).to(dtype),
          draws.uniform("mask", {3, 37, 29}).ge(0.2)};
}

// Loss, gradient of the logits, gradient of the table.
std::vector<at::Tensor> loss_and_gradients(const LossCase& c, at::Device device) {
  const auto comm = make_serial_communicator();
  at::Tensor logits = c.logits.to(device).detach().clone().set_requires_grad(true),
             table = c.table.to(device).detach().clone().set_requires_grad(true);
  const at::Tensor loss =
      cross_entropy_with_offsets(logits, c.label.to(device), table, c.mask.to(device), *comm);
  loss.backward();
  return {loss.detach().cpu(), logits.grad().cpu(), table.grad().cpu()};
}

void expect_close(const at::Tensor& got, const at::Tensor& expected, double relative) {
  const double scale = expected.abs().max().item<double>();
  EXPECT_LE((got - expected).abs().max().item<double>(), relative * scale);
}

TEST_F(Gpu, OffsetCrossEntropyIsThatOfTheCpuAndRepeatsItsBits) {
  for (const int64_t classes : {2, 4, 14, 20}) {
    for (const bool channels_last : {false, true}) {
      const LossCase c = loss_case(classes, at::kDouble, channels_last);
      const auto expected = loss_and_gradients(c, at::kCPU), got = loss_and_gradients(c, device_),
                 again = loss_and_gradients(c, device_);
      for (size_t i = 0; i < expected.size(); ++i) {
        expect_close(got[i], expected[i], 1e-12);
        EXPECT_TRUE(at::equal(got[i], again[i])) << classes << ' ' << i;
      }
    }
  }
}

TEST_F(Gpu, OffsetCrossEntropyInFloat32) {
  const LossCase c = loss_case(4, at::kFloat, true);
  const auto expected = loss_and_gradients(c, at::kCPU), got = loss_and_gradients(c, device_);
  for (size_t i = 0; i < expected.size(); ++i) expect_close(got[i], expected[i], 1e-5);
}

TEST_F(Gpu, ClassSumsAreThoseOfTheCpuAndRepeatTheirBits) {
  const Draws draws(2);
  for (const auto kind : {CovarianceKind::kFull, CovarianceKind::kDiagonal}) {
    for (const bool channels_last : {false, true}) {
      at::Tensor x = draws.normal("x", {3, 16, 37, 29}) + 5;
      if (channels_last) x = x.contiguous(at::MemoryFormat::ChannelsLast);
      at::Tensor label = draws.integers("label", {3, 37, 29}, 0, 4);
      label[1][3].fill_(kIgnoreLabel);
      const at::Tensor shift = draws.normal("shift", {4, 16}).to(at::kDouble) + 5;
      const at::Tensor expected = sample_sums(x, label, shift, kind);
      const auto on_gpu = [&] {
        return sample_sums(x.to(device_), label.to(device_), shift.to(device_), kind).cpu();
      };
      const at::Tensor got = on_gpu();
      expect_close(got, expected, 1e-6);
      EXPECT_TRUE(at::equal(got, on_gpu()));
    }
  }
}

TEST_F(Gpu, AReplayedPassHasTheBitsOfTheNetworksOwn) {
  const NetworkShape shape{.channels = 1, .classes = 3, .patch_size = {32, 32}, .device = device_};
  const Config config = parse_config("");
  const auto make = [&] {
    return BackboneRegistry::instance().find("unet").make(config.section("backbone"), shape,
                                                          Draws(1), "network");
  };
  const auto plain = make(), graphed = with_graphs(make(), device_);
  const at::NoGradGuard no_grad;
  for (const int64_t images : {2, 5, 2}) {
    const at::Tensor x =
        Draws(8).normal("x" + std::to_string(images), {images, 1, 32, 32}).to(device_);
    const NetworkOutput expected = plain->forward(x, Pass{}), first = graphed->forward(x, Pass{});
    const at::Tensor kept = first.logits.clone();
    graphed->forward(x + 1, Pass{});
    EXPECT_TRUE(at::equal(first.logits, kept)) << "a later pass changed it";
    EXPECT_TRUE(at::equal(first.logits, expected.logits));
    EXPECT_TRUE(at::equal(first.features, expected.features));
    // The next pass is that of other weights.
    for (const auto& network : {plain.get(), graphed.get()})
      for (const NamedTensor& parameter : network->parameters()) parameter.value.mul_(1.5);
  }
}

TEST_F(Gpu, UpsamplingIsThatOfTheCpu) {
  const at::Tensor x = Draws(4).normal("x", {2, 3, 9, 7}).to(at::kDouble);
  expect_close(upsample_bilinear(x.to(device_), {18, 14}).cpu(), upsample_bilinear(x, {18, 14}),
               1e-12);
}

// A step's gradient, by the two dtypes of 16 bits; float16 has three bits more.
TEST_F(Gpu, ANetworkInSixteenBitsIsThatOfFloat32ToItsRounding) {
  const auto comm = make_serial_communicator();
  const Draws draws = Draws(4).on(device_);
  const auto network = BackboneRegistry::instance().find("unet").make(
      parse_config("[backbone]").section("backbone"),
      {.channels = 1, .classes = 4, .patch_size = {64, 64}, .dtype = at::kFloat, .device = device_},
      Draws(0), "student");
  const at::Tensor image = draws.uniform("image", {1, 64, 64}, {0, 1});
  const auto gradients_in = [&](at::ScalarType dtype) {
    const Pass pass{NetworkMode::kTrain, comm.get(), &draws, "pass", {0, 1}};
    const at::Tensor logits = network->forward(image.to(dtype), pass).logits.to(at::kFloat);
    std::vector<at::Tensor> gradients = {logits.detach()};
    for (const auto& parameter : network->parameters()) parameter.value.mutable_grad().reset();
    logits.square().mean().backward();
    for (const auto& parameter : network->parameters()) {
      if (parameter.value.grad().defined()) gradients.push_back(parameter.value.grad().flatten());
    }
    return gradients;
  };
  const auto expected = gradients_in(at::kFloat);
  for (const auto& [dtype, tolerance] : {std::pair{at::kHalf, 0.02}, {at::kBFloat16, 0.1}}) {
    const auto got = gradients_in(dtype);
    const auto all = [](const std::vector<at::Tensor>& parts) {
      return at::cat(std::vector<at::Tensor>(parts.begin() + 1, parts.end()));
    };
    EXPECT_LE((got[0] - expected[0]).norm().item<double>(),
              tolerance * expected[0].norm().item<double>());
    EXPECT_LE((all(got) - all(expected)).norm().item<double>(),
              tolerance * all(expected).norm().item<double>());
  }
}

}  // namespace
}  // namespace semiseg
