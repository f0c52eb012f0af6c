// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tests/nn/nn_backbone_case.h"

namespace semiseg {
namespace {

std::unique_ptr<Backbone> make_unet(const std::string& options, int64_t classes) {
  return make_backbone("unet", options, {.classes = classes, .patch_size = {32, 48}});
}

// backbones.md §1. The reference's own configurations: parameter counts in nn_backbones_test.
TEST(UNet, HasTheNumberOfParametersOfItsVariants) {
  EXPECT_EQ(make_unet("bilinear = false", 4)->parameter_count(), 1'180'464 + 763'860);
  EXPECT_EQ(make_unet("head = \"conv1x1\"", 4)->parameter_count(), 1'813'764 - 4 * 16 * 8);
}

TEST(UNet, LogitsAreItsClassifierOfItsFeatures) {
  const at::Tensor image = generate("x", {2, 1, 16, 32}, -1, 1, at::kFloat);
  for (const char* options : {"head = \"conv3x3\"", "head = \"conv1x1\"", "bilinear = false"}) {
    const auto net = make_unet(options, 3);
    expect_classifier_of_features(*net, image);
    EXPECT_EQ(net->forward(image, Pass{}).features.sizes(), (at::IntArrayRef{2, 16, 16, 32}));
  }
}

TEST(UNet, RefusesSidesThatFourPoolingsDoNotDivide) {
  try {
    make_unet("", 2)->forward(at::zeros({1, 1, 32, 40}), Pass{});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig);
    EXPECT_EQ(error.parts().got, "[32, 40]");
    EXPECT_NE(error.parts().expected.find("16"), std::string::npos);
    EXPECT_FALSE(error.parts().fix.empty());
  }
}

TEST(UNet, RefusesAListOfFourFilters) {
  EXPECT_THROW(make_unet("filters = [8, 16, 32, 64]", 2), Error);
}

}  // namespace
}  // namespace semiseg
