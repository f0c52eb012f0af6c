// SPDX-License-Identifier: Apache-2.0
// Every command of the README that starts the program runs; long trainings are stopped after a
// step, and the one whose weights are used later takes the smallest protocol.
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "framework/core/files.h"
#include "framework/scans/image_file.h"
#include "tests/support/acdc_tree.h"
#include "tests/support/places.h"
#include "tests/support/program.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

// Lines of the ```bash blocks, without comments.
std::vector<std::string> commands() {
  std::istringstream text(read_file(source_folder() / "README.md"));
  std::vector<std::string> found;
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("```")) {
      inside = line == "```bash";
    } else if (inside && !line.empty()) {
      found.push_back(std::regex_replace(line, std::regex("\\s+#.*$"), ""));
    }
  }
  return found;
}

// Volumes with a bright block that is the only class, as README's convert names the folders.
void write_scans(const std::filesystem::path& folder) {
  for (int i = 0; i < 6; ++i) {
    const std::string name = "p" + std::to_string(i) + ".nii.gz";
    const at::Tensor label = at::zeros({6, 32, 32}, at::kByte);
    label.slice(1, 8, 16 + i).slice(2, 10, 24).fill_(1);
    const ScanGeometry grid{.size = {6, 32, 32},
                            .spacing_mm = {4, 1, 1},
                            .affine = {0, 0, -1, 90, 0, -1, 0, 80, 4, 0, 0, 70, 0, 0, 0, 1}};
    write_scan(folder / "scans" / name, (label.to(at::kFloat) + i).unsqueeze(0), grid);
    write_label_map(folder / "labels" / name, label, grid);
  }
}

std::string replaced(const std::string& text, const std::string& what, const std::string& by) {
  return std::regex_replace(text, std::regex(what), by);
}

TEST(Readme, EveryCommandOfTheProgramRuns) {
  const TemporaryFolder folder;
  write_acdc_tree(folder / "acdc", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, {15}, {16});
  const std::string small =
      " protocol=smoke dataset.patients_train=6 dataset.patients_val=1 dataset.patients_test=1 "
      "dataset.root=data";
  ASSERT_EQ(run_program("train method=supervised run.dir=runs/one" + small, folder.path().string())
                .exit_code,
            0);
  write_scans(folder.path());
  int ran = 0;
  for (const auto& command : commands()) {
    std::smatch parts;
    if (!std::regex_match(command, parts, std::regex("(mpirun -n 2 )?build/semiseg (.*)")))
      continue;
    std::string arguments = parts[2];
    arguments = replaced(replaced(arguments, "/data/ACDC", (folder / "acdc").string()), "\\bRUN\\b",
                         "runs/one");
    const bool is_used = arguments.find("run.dir=") != std::string::npos;
    const bool trains =
        arguments.starts_with("train") && !is_used && arguments.find("--") == std::string::npos;
    if (trains) arguments += " --stop-after 1";
    if (arguments.starts_with("sweep")) arguments += " --dry-run";
    if (is_used) arguments = replaced(arguments, "protocol=acdc_2d", "protocol=smoke");
    const ProgramResult result =
        run_program(arguments, folder.path().string(), parts[1].matched ? mpirun(2) : "");
    EXPECT_EQ(result.exit_code, trains ? 5 : 0) << command << "\n" << result.output;
    ++ran;
  }
  EXPECT_GE(ran, 16);
}

TEST(Readme, EveryScriptItNamesIsThere) {
  for (const auto& command : commands()) {
    const std::string program = command.substr(0, command.find(' '));
    if (program == "build/semiseg" || program == "mpirun") continue;
    EXPECT_TRUE(fs::exists(source_folder() / program)) << command;
  }
}

}  // namespace
}  // namespace semiseg
