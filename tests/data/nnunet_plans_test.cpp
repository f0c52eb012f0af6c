// SPDX-License-Identifier: Apache-2.0
// The plans.json of nnU-Net v2: files of both forms, made here.
#include "datasets/nnunet/nnunet_plans.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/data/dataset.h"
#include "framework/scans/image_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

using Numbers = std::vector<int64_t>;

constexpr const char* kPlans = R"({
  "dataset_name": "Dataset001_Small", "plans_name": "nnUNetPlans", "transpose_forward": [0, 1, 2],
  "configurations": {
    "2d": {
      "batch_size": 12, "patch_size": [64, 48], "spacing": [0.8, 0.7], "batch_dice": true,
      "normalization_schemes": ["ZScoreNormalization", "ZScoreNormalization"],
      "use_mask_for_norm": [true, true],
      "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 32, "unet_max_num_features": 48,
      "n_conv_per_stage_encoder": [2, 2], "n_conv_per_stage_decoder": [2],
      "pool_op_kernel_sizes": [[1, 1], [2, 2]], "conv_kernel_sizes": [[3, 3], [3, 3]]},
    "3d_lowres": {"inherits_from": "3d_fullres", "spacing": [5.0, 2.0, 2.0], "patch_size": [16, 32, 32],
      "previous": null},
    "3d_fullres": {
      "batch_size": 2, "patch_size": [28, 64, 56], "spacing": [2.5, 0.8, 0.8], "batch_dice": false,
      "normalization_schemes": ["CTNormalization"], "use_mask_for_norm": [false],
      "architecture": {
        "network_class_name": "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
        "arch_kwargs": {"n_stages": 3, "features_per_stage": [32, 64, 128],
          "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
          "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
          "n_blocks_per_stage": [1, 3, 4], "n_conv_per_stage_decoder": [1, 1]}}},
    "3d_cascade_fullres": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}},
  "foreground_intensity_properties_per_channel": {
    "0": {"mean": 90.5, "std": 20.25, "percentile_00_5": -10.0, "percentile_99_5": 200.0}}})";

class Plans : public testing::Test {
 protected:
  NnunetPlans read(const std::string& configuration, const std::string& text = kPlans) const {
    write_file(folder_ / "plans.json", text);
    return read_nnunet_plans(folder_ / "plans.json", configuration);
  }
  // With one entry replaced.
  NnunetPlans read_with(const std::string& configuration, const std::string& what,
                        const std::string& by) const {
    std::string text = kPlans;
    const size_t place = text.find(what);
    EXPECT_NE(place, std::string::npos) << what;
    return read(configuration, text.replace(place, what.size(), by));
  }
  TemporaryFolder folder_;
};

TEST_F(Plans, AConfigurationIsRead) {
  const NnunetPlans p = read("3d_fullres");
  EXPECT_EQ(p.patch_size, (Numbers{28, 64, 56}));
  EXPECT_EQ(p.spacing, (std::vector<double>{2.5, 0.8, 0.8}));
  EXPECT_EQ(p.batch_size, 2);
  EXPECT_FALSE(p.batch_dice);
  EXPECT_EQ(p.network, "resenc_unet");
  EXPECT_EQ(p.features, (Numbers{32, 64, 128}));
  EXPECT_EQ(p.kernels, (Numbers{1, 3, 3, 3, 3, 3, 3, 3, 3}));
  EXPECT_EQ(p.strides, (Numbers{1, 1, 1, 1, 2, 2, 2, 2, 2}));
  EXPECT_EQ(p.encoder, (Numbers{1, 3, 4}));
  EXPECT_EQ(p.decoder, (Numbers{1, 1}));
  EXPECT_EQ(p.intensity.scale, "fixed");
  EXPECT_EQ(p.intensity.clip, (std::vector<double>{-10, 200}));
  EXPECT_EQ(p.intensity.mean, 90.5);
  EXPECT_EQ(p.intensity.std, 20.25);
}

TEST_F(Plans, EarlierVersionsAreRead) {
  const NnunetPlans p = read("2d");
  EXPECT_EQ(p.network, "nnunet");
  EXPECT_EQ(p.features, (Numbers{32, 48}));
  EXPECT_EQ(p.strides, (Numbers{1, 1, 2, 2}));
  EXPECT_EQ(p.intensity.scale, "zscore_nonzero");
  EXPECT_TRUE(p.batch_dice);
}

TEST_F(Plans, AConfigurationInheritsWhatItLacks) {
  const NnunetPlans p = read("3d_lowres");
  EXPECT_EQ(p.spacing, (std::vector<double>{5, 2, 2}));
  EXPECT_EQ(p.patch_size, (Numbers{16, 32, 32}));
  EXPECT_EQ(p.features, (Numbers{32, 64, 128}));
}

TEST_F(Plans, TheExperimentHasTheOptionsOfTheNetwork) {
  const std::string text = experiment_of(read("3d_fullres"));
  const Config config = parse_config(std::regex_replace(text, std::regex("defaults[^\n]*\n"), ""));
  const Config backbone = config.section("backbone"), protocol = config.section("protocol");
  Numbers value;
  backbone.read("features", value, {1, 4096}, "");
  EXPECT_EQ(value, (Numbers{32, 64, 128}));
  backbone.read("blocks_per_stage", value, {1, 64}, "");
  EXPECT_EQ(value, (Numbers{1, 3, 4}));
  protocol.read("patch_size", value, {1, 4096}, "");
  EXPECT_EQ(value, (Numbers{28, 64, 56}));
  EXPECT_NE(text.find("\"/protocol\" = \"nnunet_3d\""), std::string::npos) << text;
  EXPECT_NE(experiment_of(read("2d")).find("\"/backbone\" = \"nnunet\""), std::string::npos);
}

TEST_F(Plans, WhatCannotBeFollowedIsRefused) {
  const auto expect = [&](const std::vector<std::string>& words, const std::string& configuration,
                          const std::string& what, const std::string& by) {
    expect_error(ErrorKind::kData, words, [&] { read_with(configuration, what, by); });
  };
  expect({"plans.json", "one of: 2d, 3d_lowres, 3d_fullres, 3d_cascade_fullres", "4d"}, "4d", "{",
         "{");
  expect({"turn the axes", "[2,0,1]"}, "2d", "[0, 1, 2]", "[2, 0, 1]");
  expect({"cascade", "previous_stage"}, "3d_cascade_fullres", "{", "{");
  expect({"configurations.2d.spacing", "[0.8,\"a\"]"}, "2d", "[0.8, 0.7]", "[0.8, \"a\"]");
  expect({"configurations.2d.patch_size", "whole numbers", "64.5"}, "2d", "[64, 48]", "[64.5, 48]");
  expect({"configurations.2d.spacing", "2 numbers"}, "2d", "[0.8, 0.7]", "[0.8]");
  expect({"configurations.2d.batch_size", "no such entry"}, "2d", "\"batch_size\": 12,", "");
  expect({"normalization_schemes", "RGBTo01Normalization"}, "3d_fullres", "CTNormalization",
         "RGBTo01Normalization");
  expect({"the same normalisation of every channel"}, "2d", "\"ZScoreNormalization\"]",
         "\"NoNormalization\"]");
  expect({"percentile_99_5", "CTNormalization"}, "3d_fullres", "percentile_99_5", "other");
  expect({"architecture", "PlainConvUNet or ResidualEncoderUNet", "Primus"}, "3d_fullres",
         "unet.ResidualEncoderUNet", "Primus");
  expect({"3 stages of 3 axes"}, "3d_fullres", "[1, 3, 4]", "[1, 3]");
  expect({"plans.json is damaged"}, "2d", "\"dataset_name\"", "dataset_name");
}

TEST_F(Plans, ConfigurationsThatInheritInACircleAreRefused) {
  expect_error(ErrorKind::kData, {"inherit from each other"}, [&] {
    read_with("3d_lowres", "\"3d_fullres\": {",
              "\"3d_fullres\": {\"inherits_from\": \"3d_lowres\",");
  });
}

// Two planned axes: slices keep their distance, eight columns of 0.5 mm become six of 0.7 mm.
TEST_F(Plans, ADataSetIsNormalisedAndResampled) {
  const ScanGeometry grid =
      make_geometry({2, 4, 8}, {0, 0, 0.5, 0, 0, 0.75, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1}, "grid");
  write_file(folder_ / "dataset.json",
             R"({"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "heart": 1},
                 "file_ending": ".nii.gz"})");
  std::filesystem::create_directories(folder_ / "imagesTr");
  std::filesystem::create_directories(folder_ / "labelsTr");
  const at::Tensor image = at::arange(64, at::kFloat).view({1, 2, 4, 8});
  for (const std::string id : {"a", "b", "c", "d"}) {
    for (const char* channel : {"_0000", "_0001"})
      write_scan(folder_ / "imagesTr" / (id + channel + ".nii.gz"), image, grid);
    write_label_map(folder_ / "labelsTr" / (id + ".nii.gz"), (image[0] > 20).to(at::kByte), grid);
  }
  write_file(folder_ / "plans.json", kPlans);
  const auto source = DatasetRegistry::instance()
                          .find("nnunet_raw")
                          .make(parse_config("root = \"" + folder_.path().string() +
                                             "\"\nconfiguration = \"2d\"\nplans = \"" +
                                             (folder_ / "plans.json").string() + "\""));
  const Volume volume = source->load(0);
  EXPECT_EQ(volume.spacing_mm, (std::array<double, 3>{5, 0.8, 0.7}));
  EXPECT_EQ(volume.image.sizes(), (at::IntArrayRef{2, 2, 4, 6}));
  EXPECT_EQ(volume.label.sizes(), (at::IntArrayRef{2, 4, 6}));
  EXPECT_NEAR(volume.image.mean().item<double>(), 0, 0.1);
  EXPECT_EQ(volume.label[0][0][0].item<int>(), 0);
  EXPECT_EQ(volume.label[1].sum().item<int>(), 24);
  const std::string& how = source->info().preparation;
  EXPECT_NE(how.find("spacing=0,0.8,0.7"), std::string::npos) << how;
  EXPECT_NE(how.find("normalise=zscore_nonzero"), std::string::npos) << how;
}

}  // namespace
}  // namespace semiseg
