// SPDX-License-Identifier: Apache-2.0
// The largest component of each class, and the distances to a border.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/nn/kernels/label_maps.h"

namespace semiseg {
namespace {

TEST(LargestComponent, ConnectsDiagonallyAndKeepsTheFirstOfEqualOnes) {
  const at::Tensor label = at::tensor({1, 0, 2, 2,  //
                                       0, 1, 0, 0,  //
                                       2, 0, 0, 1,  //
                                       2, 0, 1, 0},
                                      at::kLong)
                               .view({1, 4, 4});
  const at::Tensor expected = at::tensor({1, 0, 2, 2,  //
                                          0, 1, 0, 0,  //
                                          0, 0, 0, 0,  //
                                          0, 0, 0, 0},
                                         at::kLong)
                                  .view({1, 4, 4});
  EXPECT_TRUE(at::equal(largest_component(label), expected));
}

TEST(LargestComponent, JoinsArmsThatMeetLate) {
  const at::Tensor label = at::tensor({1, 0, 1, 0, 1,  //
                                       1, 0, 1, 0, 0,  //
                                       1, 1, 1, 0, 1},
                                      at::kByte)
                               .view({1, 3, 5});
  at::Tensor expected = label.clone();
  expected.select(2, 4).zero_();
  EXPECT_TRUE(at::equal(largest_component(label), expected));
}

TEST(LargestComponent, LeavesAnEmptyMapAndAnEmptyBatch) {
  EXPECT_TRUE(at::equal(largest_component(at::zeros({2, 3, 3}, at::kLong)),
                        at::zeros({2, 3, 3}, at::kLong)));
  EXPECT_EQ(largest_component(at::zeros({0, 3, 3}, at::kLong)).size(0), 0);
}

// A line of 2 background, 3 foreground and 1 background pixels: outside 2 1 0 0 0 1, over 2;
// inside 0 0 1 2 1 0, over 2; the outer two of the foreground are the border.
TEST(SignedDistance, IsTheHandComputedLine) {
  const at::Tensor label = at::tensor({0, 0, 1, 1, 1, 0}, at::kByte).view({1, 1, 6});
  const at::Tensor expected = at::tensor({1.0, 0.5, 0.0, -1.0, 0.0, 0.5}, at::kDouble);
  EXPECT_TRUE(at::equal(signed_distance(label).flatten(), expected));
}

TEST(SignedDistance, OfOneClassAloneIsZero) {
  for (const int64_t k : {0, 1}) {
    const at::Tensor map = signed_distance(at::full({2, 3, 4, 5}, k, at::kLong));
    EXPECT_TRUE(at::equal(map, at::zeros({2, 3, 4, 5}, at::kDouble))) << k;
  }
}

}  // namespace
}  // namespace semiseg
