// SPDX-License-Identifier: Apache-2.0
// The check of conformance_test finds what it looks for: a method with a planted defect.
#include "launch/conformance/unlabelled_use.h"

#include <gtest/gtest.h>

#include "launch/conformance/method_case.h"

namespace semiseg {
namespace {

const std::vector<std::string> kStrong = {"train/unlabelled/strong"};

UnlabelledUse use_with(const std::string& defect, int64_t axes) {
  MethodSetup setup = small_setup("test_strong_view", axes);
  setup.options = "defect = \"" + defect + "\"";
  return unlabelled_use(setup);
}

TEST(UnlabelledUse, FindsATermThatIsMultipliedByZero) {
  for (const int64_t axes : {2, 3}) {
    const UnlabelledUse use = use_with("zero_term", axes);
    EXPECT_EQ(use.stages, 1);
    EXPECT_FALSE(use.images) << axes;
    EXPECT_EQ(use.unused_views, kStrong) << axes;
  }
}

TEST(UnlabelledUse, FindsAStrongViewThatNoLossLooksAt) {
  for (const int64_t axes : {2, 3}) {
    const UnlabelledUse use = use_with("weak_view_only", axes);
    EXPECT_TRUE(use.images) << axes;
    EXPECT_EQ(use.unused_views, kStrong) << axes;
  }
}

TEST(UnlabelledUse, FindsARegisteredMethodWhoseTermWeighsNothing) {
  for (const char* name : {"cps", "dan", "mean_teacher"}) {
    for (const int64_t axes : {2, 3}) {
      MethodSetup setup = small_setup(name, axes);
      EXPECT_TRUE(unlabelled_use(setup).images) << name << axes;
      setup.options += "\nconsistency_weight = 0.0";
      EXPECT_FALSE(unlabelled_use(setup).images) << name << axes;
    }
  }
}

}  // namespace
}  // namespace semiseg
