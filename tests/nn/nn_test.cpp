// SPDX-License-Identifier: Apache-2.0
// Schedules and the moving average.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "framework/nn/ema.h"
#include "framework/nn/layers.h"
#include "framework/nn/optimiser.h"

namespace semiseg {
namespace {

TEST(Schedule, ConstantRateStaysAndPolyEndsAtZero) {
  EXPECT_EQ(learning_rate({.learning_rate = 0.3, .schedule = "constant"}, 99, 100), 0.3);
  EXPECT_EQ(learning_rate({.poly_index = "post"}, 100, 100), 0);
}

// The smallest network: one linear layer and one norm.
class TinyNet : public ModuleBackbone {
 public:
  explicit TinyNet(at::ScalarType dtype = at::kFloat)
      : ModuleBackbone(Module(Draws(1), "tiny", dtype)),
        conv_(root_.child("conv"), {.in = 1, .out = 2, .kernel = {1, 1}}),
        norm_(root_.child("norm"), 2) {}
  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    return {norm_(conv_(input.image), pass), input.image, {}};
  }
  Classifier classifier() const override { return {conv_.weight(), conv_.bias()}; }
  void fill(double value) {
    for (const auto& item : parameters()) item.value.detach().fill_(value);
    for (const auto& item : buffers()) item.value.fill_(value);
  }

 private:
  Conv conv_;
  BatchNorm norm_;
};

TEST(Ema, BuffersStayAreAveragedOrAreCopied) {
  const std::pair<const char*, double> expected[] = {
      {"none", 4}, {"average", 0.75 * 4 + 0.25 * 10}, {"copy", 10}};
  for (const auto& [buffers, value] : expected) {
    TinyNet teacher, student;
    teacher.fill(4);
    student.fill(10);
    update_teacher(teacher, student, {.decay = 0.75, .warmup = false, .buffers = buffers}, 0);
    EXPECT_FLOAT_EQ(teacher.parameters()[1].value[0].item<float>(), 5.5F);
    EXPECT_FLOAT_EQ(teacher.buffers()[0].value[0].item<float>(), static_cast<float>(value))
        << buffers;
    EXPECT_EQ(teacher.buffers()[2].value.item<int64_t>(), static_cast<int64_t>(value))
        << buffers;  // 5.5 is cut to 5
  }
}

TEST(Ema, ReadsItsKeysFromTheMethodsSection) {
  const Config section = parse_config("ema_decay = 0.9\nema_buffers = \"copy\"");
  const EmaOptions options = EmaOptions::read(section, {.warmup = false});
  EXPECT_EQ(options.decay, 0.9);
  EXPECT_FALSE(options.warmup);
  EXPECT_EQ(options.buffers, "copy");
}

}  // namespace
}  // namespace semiseg
