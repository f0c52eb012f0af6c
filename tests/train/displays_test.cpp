// SPDX-License-Identifier: Apache-2.0
// The displays of a training show its rows; a resumed one goes on with the best score so far.
#include "framework/run/training/displays.h"

#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/core/log.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

const Plan kPlan{{{.name = "train", .iterations = 9}}};

std::string shown_by(ProgressDisplay& display, const std::filesystem::path& log) {
  log::set_file(log);
  display.finish();
  log::set_file("");
  return read_file(log);
}

TEST(Displays, TheProgressShowsLossScoreAndBest) {
  const TemporaryFolder folder;
  ProgressDisplay display;
  display.begin(kPlan, 0, std::nullopt);
  display.stepped(1, 4);
  display.show({"train", 1, 1, "", {{"rate", 0.1}, {"loss.total", 0.5}}}, false);
  display.show({"train", 1, 1, "val", {{"dice", 0.25}}}, true);
  display.stepped(2, 4);
  display.show({"train", 2, 2, "val", {{"dice", 0.125}}}, false);
  const std::string text = shown_by(display, folder / "log.txt");
  for (const char* part : {"2/9", "loss 0.5000", "validation dice 0.1250", "best 0.2500"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

TEST(Displays, AfterAResumeTheBestSoFarIsShown) {
  const TemporaryFolder folder;
  ProgressDisplay display;
  display.begin(kPlan, 2, 0.75);
  display.stepped(3, 4);
  display.show({"train", 3, 3, "val", {{"dice", 0.625}}}, false);
  const std::string text = shown_by(display, folder / "log.txt");
  EXPECT_NE(text.find("best 0.7500"), std::string::npos) << text;
}

TEST(Displays, TensorBoardGroupsTrainingAndValidation) {
  const TemporaryFolder folder;
  TensorBoardDisplay display(folder.path());
  display.begin(kPlan, 0, std::nullopt);
  display.show({"train", 1, 1, "", {{"loss.total", 0.5}}}, false);
  display.show({"train", 1, 1, "test", {{"dice", 0.25}}}, true);
  std::string events;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    events += read_file(entry.path());
  EXPECT_NE(events.find("train/loss.total"), std::string::npos);
  EXPECT_NE(events.find("validation/dice"), std::string::npos);
}

}  // namespace
}  // namespace semiseg
