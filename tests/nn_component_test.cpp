// SPDX-License-Identifier: Apache-2.0
// The largest component of each class.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/nn/largest_component.h"
#include "tests/parity.h"

namespace semiseg {
namespace {

at::Tensor component_of(const ParityCase& c) {
  const at::Tensor label = c.tensor("in.labels");
  const int64_t connectivity = c.options["connectivity"];
  if (c.options["variant"] == "bcp_acdc") return largest_component(label, connectivity);
  return largest_component(label.unsqueeze(0), connectivity).squeeze(0);
}

TEST(LargestComponent, IsTheReferences) {
  const auto cases = load_cases("inference", "largest_component-");
  EXPECT_EQ(cases.size(), 17u);
  for (const auto& c : cases) {
    if (c.options.contains("raises")) {  // on an empty map, where there is nothing to keep
      EXPECT_EQ(component_of(c).count_nonzero().item<int64_t>(), 0) << c.file;
    } else {
      EXPECT_TRUE(compare(c, "out.labels", component_of(c))) << c.file;
    }
  }
}

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

}  // namespace
}  // namespace semiseg
