// SPDX-License-Identifier: Apache-2.0
// Sums of one batch by class: the kernel against its twin, layouts, threads, broken labels.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/methods/tsa/class_statistics.h"
#include "tests/tsa/tsa_problem.h"

namespace semiseg {
namespace {

class SumsOfLayouts : public testing::TestWithParam<TensorLayout> {};

TEST_P(SumsOfLayouts, EqualTheTwin) {
  const TensorLayout& layout = GetParam();
  const at::Tensor x = layout.arranged(normal("x", layout.shape));
  const at::Tensor y = labels("y", layout.pixels(), 3),
                   shift = normal("shift", {3, layout.shape[1]});
  for (const auto kind : {CovarianceKind::kFull, CovarianceKind::kDiagonal}) {
    const BatchSums sums = batch_sums(x, y, shift, kind),
                    twin = batch_sums_composed(x, y, shift, kind);
    EXPECT_TRUE(at::equal(sums.count(), twin.count()));
    EXPECT_TRUE(at::equal(sums.weight(), twin.weight()));
    EXPECT_LE(deviation(sums.values, twin.values), layout.dtype == at::kDouble ? 1e-13 : 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sums, SumsOfLayouts,
    testing::Values(TensorLayout{"Float64", at::kDouble, {2, 5, 70, 70}, false},
                    TensorLayout{"Float32", at::kFloat, {2, 16, 70, 70}, false},
                    TensorLayout{"BFloat16", at::kBFloat16, {2, 16, 20, 20}, false},
                    TensorLayout{"ChannelsLast", at::kFloat, {2, 16, 70, 70}, true},
                    TensorLayout{"BFloat16ChannelsLast", at::kBFloat16, {2, 16, 70, 70}, true},
                    TensorLayout{"BFloat16OddFeatures", at::kBFloat16, {2, 7, 20, 20}, true},
                    TensorLayout{"ChannelsLast3d", at::kFloat, {2, 7, 9, 20, 30}, true},
                    TensorLayout{"Volume", at::kDouble, {3, 7, 9, 20, 30}, false},
                    TensorLayout{"OneFeature", at::kFloat, {1, 1, 300}, false},
                    TensorLayout{"NoPixelAxis", at::kDouble, {50, 6}, false}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Sums, OfASlicedBatchEqualThoseOfItsCopy) {
  const at::Tensor x = normal("x", {2, 5, 40, 40}).slice(3, 3, 33),
                   y = labels("y", {2, 40, 40}, 3).slice(2, 3, 33);
  const at::Tensor shift = normal("shift", {3, 5});
  EXPECT_TRUE(
      at::equal(batch_sums(x, y, shift, CovarianceKind::kFull).values,
                batch_sums(x.contiguous(), y.contiguous(), shift, CovarianceKind::kFull).values));
}

TEST(Sums, HaveTheSameBitsOnAnyNumberOfThreads) {
  const at::Tensor x = normal("x", {3, 16, 100, 90}).to(at::kFloat),
                   y = labels("y", {3, 100, 90}, 4);
  const at::Tensor shift = normal("shift", {4, 16});
  const int before = at::get_num_threads();
  std::vector<at::Tensor> values;
  for (const int threads : {1, 2, 3, 2, 1}) {
    at::set_num_threads(threads);
    values.push_back(batch_sums(x, y, shift, CovarianceKind::kFull).values);
  }
  at::set_num_threads(before);
  for (const at::Tensor& v : values) EXPECT_TRUE(at::equal(v, values[0]));
}

TEST(Sums, OfASampleHaveTheSameBitsWhateverElseIsInTheBatch) {
  const at::Tensor x = normal("x", {3, 6, 90, 70}).to(at::kFloat), y = labels("y", {3, 90, 70}, 3),
                   shift = normal("shift", {3, 6});
  const at::Tensor rows = sample_sums(x, y, shift, CovarianceKind::kFull);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::equal(
        rows[i],
        batch_sums(x.narrow(0, i, 1), y.narrow(0, i, 1), shift, CovarianceKind::kFull).values));
  }
  EXPECT_TRUE(at::equal(rows[0] + rows[1] + rows[2],
                        batch_sums(x, y, shift, CovarianceKind::kFull).values));
}

TEST(Sums, OfPartsAddUpToThoseOfTheWhole) {
  const at::Tensor x = normal("x", {5, 6, 50, 50}), y = labels("y", {5, 50, 50}, 3),
                   shift = normal("shift", {3, 6});
  const at::Tensor whole = batch_sums(x, y, shift, CovarianceKind::kFull).values;
  at::Tensor parts = at::zeros_like(whole);
  for (int64_t i = 0; i < 5; ++i) {
    parts += batch_sums(x.narrow(0, i, 1), y.narrow(0, i, 1), shift, CovarianceKind::kFull).values;
  }
  EXPECT_LE(deviation(parts, whole), 1e-14);
}

TEST(Sums, OfAnEmptyShareAreZero) {
  const at::Tensor sums = batch_sums(at::zeros({0, 3, 4, 4}), at::zeros({0, 4, 4}, at::kLong),
                                     at::zeros({2, 3}, at::kDouble), CovarianceKind::kFull)
                              .values;
  EXPECT_TRUE(at::equal(sums, at::zeros({2, 2 + 3 + 6}, at::kDouble)));
}

TEST(Sums, RefuseALabelThatIsNoClass) {
  at::Tensor y = at::zeros({1, 4, 4}, at::kLong);
  y[0][2][2] = 3;
  EXPECT_THROW(
      batch_sums(at::zeros({1, 2, 4, 4}), y, at::zeros({3, 2}, at::kDouble), CovarianceKind::kFull),
      Error);
  y[0][2][2] = -1;
  EXPECT_THROW(
      batch_sums(at::zeros({1, 2, 4, 4}), y, at::zeros({3, 2}, at::kDouble), CovarianceKind::kFull),
      Error);
}

}  // namespace
}  // namespace semiseg
