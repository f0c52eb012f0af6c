// SPDX-License-Identifier: Apache-2.0
// Folders of label files to measure, for the tests of semiseg evaluate without a run.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "framework/core/error.h"
#include "framework/record/tables/cases_csv.h"
#include "framework/scans/image_file.h"
#include "launch/evaluate/label_files.h"
#include "tests/support/cube_source.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {

// Axes D, H, W along z, y, x of the patient.
inline ScanGeometry grid(const std::array<int64_t, 3>& size, const std::array<double, 3>& spacing) {
  return make_geometry(
      size, {0, 0, spacing[2], -10, 0, spacing[1], 0, 5, spacing[0], 0, 0, 20, 0, 0, 0, 1}, "grid");
}

class EvaluateLabelFiles : public testing::Test {
 protected:
  EvaluateLabelFiles() {
    std::filesystem::create_directories(folder_ / "predictions");
    std::filesystem::create_directories(folder_ / "references");
    request_ = {.predictions = folder_ / "predictions",
                .references = folder_ / "references",
                .output = folder_ / "cases.csv"};
  }

  void write(const std::string& name, const at::Tensor& label, const ScanGeometry& geometry) {
    write_label_map(folder_ / name, label, geometry);
  }

  // Two cubes of side 4, one column apart, in both folders.
  void write_cubes(const std::string& name) {
    write("predictions/" + name, box({10, 10, 10}, {3, 3, 3}, {7, 7, 7}), grid_);
    write("references/" + name, box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}), grid_);
  }

  int run() {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    std::optional<int> code;
    try {
      code = request_.run();
    } catch (...) {
      output_ = testing::internal::GetCapturedStdout();
      errors_ = testing::internal::GetCapturedStderr();
      throw;
    }
    output_ = testing::internal::GetCapturedStdout();
    errors_ = testing::internal::GetCapturedStderr();
    return *code;
  }

  ErrorKind refused() {
    try {
      run();
    } catch (const Error& error) {
      return error.kind();
    }
    ADD_FAILURE() << "no error";
    return ErrorKind::kStopped;
  }

  CasesTable cases() { return read_cases(request_.output); }

  TemporaryFolder folder_;
  EvaluateFiles request_;
  ScanGeometry grid_ = grid({10, 10, 10}, {3, 1.5, 2});
  std::string output_, errors_;
};

}  // namespace semiseg
