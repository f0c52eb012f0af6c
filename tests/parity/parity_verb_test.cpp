// SPDX-License-Identifier: Apache-2.0
// `semiseg parity` from outside.
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/files/safetensors.h"
#include "tests/support/program.h"
#include "tests/support/recorded_cases.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

class ParityVerb : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const fs::path loss_ = recorded_cases("loss", "dice_sq-b3")[0];
  const fs::path schedule_ = recorded_cases("schedule", "poly_lr-pre")[0];

  ProgramResult parity(const std::string& arguments) const {
    return run_program("parity " + arguments, folder_.path().string());
  }

  static bool has_line(const ProgramResult& result, const std::string& line) {
    return ("\n" + result.output).find("\n" + line + "\n") != std::string::npos;
  }
};

TEST_F(ParityVerb, PassesCasesAndFoldersAndSaysHowFarTheyAre) {
  fs::create_directories(folder_ / "some/deep");
  fs::copy(loss_, folder_ / "some/loss.safetensors");
  fs::copy(schedule_, folder_ / "some/deep/schedule.safetensors");
  const ProgramResult result = parity("some " + schedule_.string());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("passed  some/loss.safetensors  "), std::string::npos);
  EXPECT_NE(result.output.find("passed  some/deep/schedule.safetensors  out.value "),
            std::string::npos);
  EXPECT_NE(result.output.find(" (index "), std::string::npos);
  EXPECT_TRUE(result.output.ends_with("\n3 passed, 0 failed, 0 skipped\n")) << result.output;
}

TEST_F(ParityVerb, NamesTensorPlaceAndValuesOfACaseThatFails) {
  Safetensors content = read_safetensors(schedule_);
  content.tensors.at("out.value")[2] += 0.5;
  write_safetensors(folder_ / "wrong.safetensors", content);
  const ProgramResult result = parity("wrong.safetensors " + loss_.string());
  EXPECT_EQ(result.exit_code, 1) << result.output;
  for (const char* part : {"failed  wrong.safetensors  out.value 0.5 of ", "(index 2)", "expected ",
                           "got ", "1 of 7 differ"})
    EXPECT_NE(result.output.find(part), std::string::npos) << part << "\n" << result.output;
  EXPECT_TRUE(has_line(result, "1 passed, 1 failed, 0 skipped")) << result.output;
}

TEST_F(ParityVerb, FailsACaseWithAResultThatIsNotComputedOrWithoutAnOption) {
  Safetensors content = read_safetensors(loss_);
  content.tensors["out.more"] = at::ones({1});
  write_safetensors(folder_ / "more.safetensors", content);
  std::string& about = content.metadata.at("case");
  about.replace(about.find("\"dice_sq\""), 9, "\"focal\"");
  write_safetensors(folder_ / "focal.safetensors", content);
  const ProgramResult result = parity("more.safetensors focal.safetensors");
  EXPECT_EQ(result.exit_code, 1) << result.output;
  EXPECT_NE(result.output.find("out.more is not computed"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("gamma"), std::string::npos) << result.output;
}

TEST_F(ParityVerb, SkipsNamesAndKindsThatItDoesNotKnow) {
  Safetensors content = read_safetensors(loss_);
  const std::string about = content.metadata.at("case");
  for (const auto& [file, known, unknown] : {std::array{"name", "\"dice_sq\"", "\"dice_cubed\""},
                                             std::array{"kind", "\"loss\"", "\"gain\""}}) {
    std::string& changed = content.metadata.at("case") = about;
    changed.replace(changed.find(known), std::string(known).size(), unknown);
    write_safetensors(folder_ / (std::string(file) + ".safetensors"), content);
  }
  const ProgramResult result = parity("name.safetensors kind.safetensors");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(has_line(result, "skipped  name.safetensors  no loss 'dice_cubed' is registered"))
      << result.output;
  EXPECT_TRUE(has_line(result, "skipped  kind.safetensors  no kind of case 'gain' is registered"))
      << result.output;
  EXPECT_TRUE(has_line(result, "0 passed, 0 failed, 2 skipped")) << result.output;
}

TEST_F(ParityVerb, NamesFilesThatItCannotReadAndRunsTheOthers) {
  write_file(folder_ / "broken.safetensors", read_file(loss_).substr(0, 100));
  write_safetensors(folder_ / "weights.safetensors", {.tensors = {{"w", at::ones({2})}}});
  const ProgramResult result =
      parity("broken.safetensors missing.safetensors weights.safetensors " + loss_.string());
  EXPECT_EQ(result.exit_code, 3) << result.output;
  for (const char* file : {"broken.safetensors", "missing.safetensors", "weights.safetensors"})
    EXPECT_NE(result.output.find(file), std::string::npos) << result.output;
  EXPECT_TRUE(has_line(result, "1 passed, 0 failed, 0 skipped")) << result.output;
}

TEST_F(ParityVerb, AFolderWithoutACaseIsAnError) {
  fs::create_directories(folder_ / "empty");
  const ProgramResult result = parity("empty");
  EXPECT_EQ(result.exit_code, 3) << result.output;
  EXPECT_NE(result.output.find("no parity case"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace semiseg
