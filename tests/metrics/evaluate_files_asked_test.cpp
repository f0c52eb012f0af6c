// SPDX-License-Identifier: Apache-2.0
// Label files measured in ways that are asked for: components, tolerances of classes, definitions.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "framework/core/files.h"
#include "tests/metrics/label_files_case.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

TEST_F(EvaluateLabelFiles, ComponentsAndTolerancesOfClassesAreMeasuredWhenAsked) {
  write_cubes("a.nii");
  request_.metrics = {"components"};
  request_.classes = {"cube"};
  request_.spacing = "voxel";
  request_.tolerance = {0};
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_EQ(cases().rows.at(0).metrics.components_found, 1);
  EXPECT_DOUBLE_EQ(cases().rows.at(0).metrics.surface_dice, 36.0 / 56);
  request_.classes = {"cube", "other"};
  request_.tolerance = {1, 0};
  request_.force = true;
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_EQ(cases().rows.at(0).metrics.surface_dice, 1);
  EXPECT_EQ(cases().terms.tolerance, "1,0");
}

TEST_F(EvaluateLabelFiles, WhatTheyCannotBeAskedForIsRefused) {
  write_cubes("a.nii");
  const auto refusal = [&](const std::string& words) {
    expect_error(ErrorKind::kConfig, {words}, [&] { run(); });
  };
  request_.metrics = {"dise"};
  refusal("no metric 'dise'");
  request_.metrics = {"calibration"};
  refusal("no probabilities");
  request_.metrics.clear();
  request_.tolerance = {1, 2};
  refusal("needs their names");
  request_.classes = {"cube"};
  refusal("class that is not there");
  request_.tolerance = {-1};
  refusal("not a tolerance");
}

TEST_F(EvaluateLabelFiles, AllDefinitionsStandSideBySide) {
  write("predictions/a.nii", box({1, 1, 9}, {0, 0, 0}, {1, 1, 5}), grid({1, 1, 9}, {1, 1, 1}));
  write("references/a.nii", box({1, 1, 9}, {0, 0, 0}, {1, 1, 1}), grid({1, 1, 9}, {1, 1, 1}));
  request_.output.replace_filename("definitions.json");
  request_.definitions = {"all"};
  request_.spacing = "voxel";
  ASSERT_EQ(run(), 0) << errors_;
  const auto json = nlohmann::json::parse(read_file(request_.output));
  const auto hd95 = [&](const char* definition) {
    return json.at("definitions").at(definition).at("overall").at("hd95").at("mean").get<double>();
  };
  EXPECT_DOUBLE_EQ(hd95("medpy"), 3.75);
  EXPECT_DOUBLE_EQ(hd95("monai"), 3.8);
  EXPECT_NE(output_.find("medpy             monai  surface-distance"), std::string::npos)
      << output_;
  EXPECT_NE(output_.find("HD95 [voxel]                        3.75              3.80"),
            std::string::npos)
      << output_;
  request_.definitions = {"monai"};
  request_.force = request_.as_json = true;
  ASSERT_EQ(run(), 0) << errors_;
  EXPECT_EQ(nlohmann::json::parse(output_).at("definitions").size(), 1);
}

TEST_F(EvaluateLabelFiles, DefinitionsThatAreNotThereAreRefused) {
  write_cubes("a.nii");
  const auto refusal = [&](const std::string& words) {
    expect_error(ErrorKind::kConfig, {words}, [&] { run(); });
  };
  request_.definitions = {"medpi"};
  refusal("unknown definition");
  request_.definitions = {"all"};
  request_.metrics = {"components"};
  refusal("one definition only");
  request_.metrics.clear();
  request_.definition = "monai";
  refusal("one definition and several at once");
}

}  // namespace
}  // namespace semiseg
