// SPDX-License-Identifier: Apache-2.0
// Class prototypes and the task-affinity consistency (TAC) by hand, and what the options change.
#include "framework/methods/parts/class_prototypes.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "launch/parity/method_under_test.h"
#include "launch/parity/parity_case.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();

at::Tensor rows(const std::vector<double>& values, at::IntArrayRef shape) {
  return at::tensor(values, at::kDouble).view(shape);
}

// Two samples of two features and two classes on four voxels.
at::Tensor features() { return rows({1, 2, 3, 4, 0, 1, 0, 1, 2, 2, 2, 2, 4, 0, 0, 0}, {2, 2, 4}); }
at::Tensor guide() { return rows({0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1}, {2, 2, 4}); }

// [B,K,C]
at::Tensor prototypes(const at::Tensor& map, const at::Tensor& guide) {
  const ClassPool pool = pool_classes(map, guide);
  return pool.sums / (pool.mass.sum(0) + 1e-6);
}

double affinity(const GroupPair& maps, const GroupPair& guides,
                const AffinityOptions& options = {}) {
  return task_affinity({maps}, guides, options, *kSerial)[0].item<double>();
}

TEST(ClassPrototypes, AreSharesOfTheGroupsMaskedMean) {
  const at::Tensor p = prototypes(features(), guide());  // [B,K,C]
  const at::Tensor first = rows({1.4, 0.2, 1.2, 0.8}, {2, 2}),
                   second = rows({1, 1. / 3, 2. / 3, 0}, {2, 2});
  EXPECT_TRUE(at::allclose(p.select(2, 0), first, 0, 1e-5)) << p;
  EXPECT_TRUE(at::allclose(p.select(2, 1), second, 0, 1e-5)) << p;
  const at::Tensor mask = guide().select(1, 0).unsqueeze(1);
  const at::Tensor mean = (features() * mask).sum(at::IntArrayRef{0, 2}) / mask.sum();
  EXPECT_TRUE(at::allclose(p.select(2, 0).sum(0), mean, 0, 1e-5));
}

TEST(ClassPrototypes, DoNotDependOnTheScaleOfTheGuide) {
  const at::Tensor p = prototypes(features(), guide());
  EXPECT_TRUE(at::allclose(prototypes(features(), 7 * guide()), p, 1e-5));
}

TEST(ClassPrototypes, OfAnAbsentClassAreZero) {
  at::Tensor absent = guide();
  absent.select(1, 1).zero_();
  const at::Tensor p = prototypes(features(), absent);
  EXPECT_EQ(p.select(2, 1).abs().max().item<double>(), 0);
  EXPECT_TRUE(at::isfinite(p).all().item<bool>());
}

TEST(ClassPrototypes, AGuideIsResizedByPickingEachSthVoxel) {
  const at::Tensor guide = generate("g", {1, 2, 32, 32, 16}, 0, 1, at::kDouble);
  for (const int64_t s : {2, 4, 8, 16}) {
    const at::Tensor map = at::zeros({1, 3, 32 / s, 32 / s, 16 / s});
    EXPECT_TRUE(
        at::equal(guide_at(guide, map), at::upsample_nearest3d(guide, {32 / s, 32 / s, 16 / s})));
  }
}

TEST(TaskAffinity, OfTheHandCase) {
  const GroupPair maps{features(), at::ones({2, 2, 4}, at::kDouble)},
      guides{guide(), at::full({2, 2, 4}, 0.5, at::kDouble)};
  EXPECT_NEAR(affinity(maps, guides), 0.254444, 1e-5);
  const GroupPair larger{3 * maps.labelled, 3 * maps.unlabelled};
  EXPECT_NEAR(affinity(larger, guides), 9 * 0.254444, 1e-4);
}

TEST(TaskAffinity, OfConstantMapsIsAQuarterOfTheirSquaredDistance) {
  const at::Tensor l = rows({1, 2}, {1, 2, 1}).expand({2, 2, 4}),
                   u = rows({4, -1}, {1, 2, 1}).expand({2, 2, 4});
  const at::Tensor guide = at::full({2, 2, 4}, 0.5, at::kDouble);
  EXPECT_NEAR(affinity({l, u}, {guide, guide}), (9 + 9) / 2. / 4, 1e-5);
}

TEST(TaskAffinity, OfEqualGroupsIsZeroWithoutGradient) {
  at::Tensor l = features().set_requires_grad(true), u = features().set_requires_grad(true);
  const at::Tensor m = task_affinity({{l, u}}, {guide(), guide()}, {}, *kSerial)[0];
  m.backward();
  EXPECT_NEAR(m.item<double>(), 0, 1e-15);
  EXPECT_LT(l.grad().abs().max().item<double>(), 1e-15);
  EXPECT_LT(u.grad().abs().max().item<double>(), 1e-15);
}

TEST(TaskAffinity, GroupMeansDoNotDependOnThePairing) {
  const at::Tensor other = generate("u", {2, 2, 4}, 0, 3, at::kDouble),
                   soft = generate("s", {2, 2, 4}, 0, 1, at::kDouble);
  const GroupPair maps{features(), other}, swapped{features(), other.flip(0)};
  const GroupPair guides{guide(), soft}, swapped_guides{guide(), soft.flip(0)};
  const AffinityOptions mean{.group_mean = true};
  EXPECT_NEAR(affinity(maps, guides, mean), affinity(swapped, swapped_guides, mean), 1e-12);
  EXPECT_GT(std::abs(affinity(maps, guides) - affinity(swapped, swapped_guides)), 1e-3);
}

TEST(TaskAffinity, GradientsReachBothGroupsAndTheSoftGuide) {
  at::Tensor l = features().set_requires_grad(true),
             u = generate("u", {2, 2, 4}, 0, 3, at::kDouble).set_requires_grad(true),
             soft = generate("s", {2, 2, 4}, 0, 1, at::kDouble).set_requires_grad(true);
  task_affinity({{l, u}}, {guide(), soft}, {}, *kSerial)[0].backward();
  for (const at::Tensor& leaf : {l, u, soft}) EXPECT_GT(leaf.grad().norm().item<double>(), 0);
}

TEST(TaskAffinity, AnAbsentClassCanBeLeftOut) {
  at::Tensor absent = guide();
  absent.select(1, 1).zero_();
  const GroupPair maps{features(), at::ones({2, 2, 4}, at::kDouble)},
      guides{absent, at::full({2, 2, 4}, 0.5, at::kDouble)};
  // 0.5 of the unlabelled prototype is pulled to 0 by the absent class.
  const double all = affinity(maps, guides);
  const double present = affinity(maps, guides, {.skip_absent_class = true});
  EXPECT_NEAR(all, (present + 0.25) / 2, 1e-5);
}

TEST(Tac, RefusesGroupsThatItCannotPair) {
  MethodSetup setup{.name = "tac", .backbone = "name = \"unet\"\nfilters = [2, 2, 2, 2, 2]"};
  setup.labelled = 3;
  expect_error(ErrorKind::kConfig, {"pairs each labelled sample", "group_mean"},
               [&] { MethodUnderTest(setup, *kSerial); });
  setup.options = "group_mean = true";
  EXPECT_NO_THROW(MethodUnderTest(setup, *kSerial));
}

}  // namespace
}  // namespace semiseg
