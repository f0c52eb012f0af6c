// SPDX-License-Identifier: Apache-2.0
// Tests the parts of the report: outlines, curves, slices.
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/record/report/report.h"
#include "framework/record/report/report_curves.h"
#include "framework/record/report/report_slices.h"
#include "tests/support/other_user.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

at::Tensor slice(const std::vector<std::vector<int64_t>>& rows) {
  std::vector<at::Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(at::tensor(row, at::kByte));
  return at::stack(tensors);
}

TEST(ReportPage, APrivateRunIsLeftOut) {
  const TemporaryFolder folder;
  const std::filesystem::path hidden = folder / "hidden", open = folder / "open";
  std::filesystem::create_directories(open);
  std::filesystem::create_directories(hidden);
  std::filesystem::permissions(hidden, std::filesystem::perms::none);
  const FoundRun one{.folder = hidden, .summary = {}, .unfinished = "cannot be read"},
      other{.folder = open, .summary = {}, .unfinished = "stopped"};
  const OtherUser user;
  const std::string page = report_page({one, other}, 0);
  EXPECT_NE(page.find(R"("name":"open")"), std::string::npos);
  EXPECT_EQ(page.find(R"("name":"hidden")"), std::string::npos);
  EXPECT_THROW(report_page({one}, 0), Error);
}

TEST(OutlinePath, GoesAroundAVoxel) {
  EXPECT_EQ(outline_path(slice({{2}}), 2), "M0 0h1v1h-1v-1z");
  EXPECT_EQ(outline_path(slice({{2}}), 1), "");
}

TEST(OutlinePath, HasTheHoleOfARing) {
  EXPECT_EQ(outline_path(slice({{1, 1, 1}, {1, 0, 1}, {1, 1, 1}}), 1),
            "M0 0h3v3h-3v-3zM1 1v1h1v-1h-1z");
}

TEST(OutlinePath, KeepsVoxelsApartThatTouchAtACorner) {
  EXPECT_EQ(outline_path(slice({{1, 0}, {0, 1}}), 1), "M0 0h1v1h-1v-1zM1 1h1v1h-1v-1z");
  EXPECT_EQ(outline_path(slice({{0, 1}, {1, 0}}), 1), "M1 0h1v1h-1v-1zM0 1h1v1h-1v-1z");
}

TEST(OutlinePath, JoinsVoxelsOfOneClassOnly) {
  EXPECT_EQ(outline_path(slice({{1, 1, 2}}), 1), "M0 0h2v1h-2v-1z");
}

MetricsRow row(int64_t step, std::vector<std::pair<std::string, double>> values,
               const std::string& stage = "train", const std::string& split = "") {
  return {.stage = stage, .iteration = step, .step = step, .split = split, .values = values};
}

TEST(Curves, LeaveAGapWhereARowLacksAValue) {
  const Curves curves =
      curves_of({row(1, {{"a", 1}}), row(2, {{"b", 5}}), row(2, {{"dice", 0.5}}, "train", "val"),
                 row(3, {{"a", 3}, {"b", 6}})},
                "", 100);
  EXPECT_EQ(curves.steps, (std::vector<int64_t>{1, 2, 3}));
  ASSERT_EQ(curves.values.size(), 2U);
  EXPECT_EQ(curves.values[0].first, "a");
  EXPECT_TRUE(std::isnan(curves.values[0].second[1]));
  EXPECT_TRUE(std::isnan(curves.values[1].second[0]));
  EXPECT_EQ(curves.values[1].second[2], 6);
}

TEST(Curves, ThinnedOnesKeepTheLastRow) {
  std::vector<MetricsRow> rows;
  for (int64_t step = 1; step <= 10; ++step) rows.push_back(row(step, {{"a", step}}));
  const Curves curves = curves_of(rows, "", 4);
  EXPECT_EQ(curves.every, 3);
  EXPECT_EQ(curves.steps, (std::vector<int64_t>{1, 4, 7, 10}));
  EXPECT_EQ(curves_of(rows, "", 5).steps, (std::vector<int64_t>{1, 3, 5, 7, 9, 10}));
}

TEST(Curves, StagesFollowEachOther) {
  const auto spans =
      stage_spans({row(2, {}, "pretrain"), row(4, {}, "pretrain"), row(6, {}, "self")});
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(spans[0].first, 1);
  EXPECT_EQ(spans[0].last, 4);
  EXPECT_EQ(spans[1].name, "self");
  EXPECT_EQ(spans[1].first, 5);
  EXPECT_EQ(spans[1].last, 6);
}

TEST(SegmentedCases, AreCutToTheForegroundOfEitherAndItsMargin) {
  const TemporaryFolder folder;
  SegmentedCase one{.id = "a",
                    .image = at::arange(5 * 64 * 40, at::kFloat).view({5, 64, 40}),
                    .spacing_mm = {8, 1, 1.5}};
  one.reference = at::zeros({5, 64, 40}, at::kByte);
  one.prediction = at::zeros({5, 64, 40}, at::kByte);
  one.reference[1].slice(0, 20, 30).slice(1, 10, 20).fill_(1);
  one.prediction[3].slice(0, 30, 40).slice(1, 10, 20).fill_(2);
  write_segmented_cases(folder / "cases.json", {"background", "one", "two"}, {one});
  const auto json = nlohmann::json::parse(read_file(folder / "cases.json"));
  const auto& found = json.at("cases").at(0);
  EXPECT_EQ(found.at("height"), 36);  // rows 12 … 47
  EXPECT_EQ(found.at("width"), 26);   // columns 2 … 27
  EXPECT_EQ(found.at("pixel_aspect"), 1.5);
  ASSERT_EQ(found.at("slices").size(), 2U);  // 1 and 3; the others hold nothing
  const auto& first = found.at("slices").at(0);
  EXPECT_EQ(first.at("index"), 1);
  EXPECT_EQ(first.at("reference"), (nlohmann::json{"M8 8h10v10h-10v-10z", ""}));
  EXPECT_EQ(first.at("prediction"), (nlohmann::json{"", ""}));
  EXPECT_TRUE(first.at("image").get<std::string>().starts_with("iVBORw0KGgo"));  // PNG's signature
}

TEST(SegmentedCases, WithoutForegroundAreShownWhole) {
  const TemporaryFolder folder;
  const at::Tensor empty = at::zeros({2, 9, 7}, at::kByte);
  write_segmented_cases(
      folder / "cases.json", {"background", "one"},
      {{.id = "a", .image = at::zeros({2, 9, 7}), .reference = empty, .prediction = empty}});
  const auto found = nlohmann::json::parse(read_file(folder / "cases.json")).at("cases").at(0);
  EXPECT_EQ(found.at("height"), 9);
  EXPECT_EQ(found.at("width"), 7);
  EXPECT_EQ(found.at("slices").size(), 2U);
}

}  // namespace
}  // namespace semiseg
