// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl: one line a row, to the bit, also after an interruption.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "framework/core/files.h"
#include "framework/record/run/metrics_log.h"
#include "tests/record/case_rows.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

struct MetricsLogFile : testing::Test {
  TemporaryFolder folder_;
};

MetricsRow row(int64_t step) {
  const double x = std::sin(static_cast<double>(step));
  return {.stage = "train",
          .iteration = step,
          .step = step,
          .values = {{"loss.total", x}, {"rate", 1e-300 * x}}};
}

TEST(MetricsLog, ARowIsOneLineOfJson) {
  MetricsRow r{
      .stage = "train", .iteration = 3, .step = 13, .split = "val", .values = {{"dice", 0.1}}};
  r.values.emplace_back("hd95", std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(
      to_json(r),
      R"({"stage":"train","iteration":3,"step":13,"split":"val","values":{"dice":0.10000000000000001,"hd95":null}})"
      "\n");
}

TEST_F(MetricsLogFile, MetricsSurviveARoundTripToTheBit) {
  {
    MetricsLog log(folder_ / "metrics.jsonl", 0);
    for (int64_t step = 1; step <= 5; ++step) log.append(row(step));
    log.sync();
  }
  const auto rows = read_metrics_log(folder_ / "metrics.jsonl");
  ASSERT_EQ(rows.size(), 5);
  for (int64_t step = 1; step <= 5; ++step)
    EXPECT_EQ(rows[static_cast<size_t>(step - 1)].values, row(step).values);
}

TEST_F(MetricsLogFile, AnInterruptedAndResumedRunHasTheSameMetrics) {
  const fs::path whole = folder_ / "whole.jsonl", parts = folder_ / "parts.jsonl";
  {
    MetricsLog log(whole, 0);
    for (int64_t step = 1; step <= 9; ++step) log.append(row(step));
  }
  {
    MetricsLog log(parts, 0);
    for (int64_t step = 1; step <= 6; ++step) log.append(row(step));
  }
  fs::resize_file(parts,
                  fs::file_size(parts) - 7);  // dies within row 6; the checkpoint is of step 4
  MetricsLog log(parts, 4);
  for (int64_t step = 5; step <= 9; ++step) log.append(row(step));
  EXPECT_EQ(read_file(parts), read_file(whole));
}

TEST_F(MetricsLogFile, ADamagedRowOfMetricsIsNamed) {
  write_file(folder_ / "metrics.jsonl", to_json(row(1)) + "nonsense\n" + to_json(row(2)));
  const auto parts = data_error([&] { MetricsLog(folder_ / "metrics.jsonl", 2); });
  EXPECT_EQ(parts.where, (folder_ / "metrics.jsonl").string() + ":2");
}

TEST_F(MetricsLogFile, AFullDiskIsAnIoErrorOfTheMetrics) {
  MetricsLog log(folder_ / "metrics.jsonl", 0);
  set_file_fault([](std::string_view call, const fs::path&) { return call == "write"; });
  expect_error(ErrorKind::kIo, {"metrics.jsonl"}, [&] { log.append(row(1)); });
  set_file_fault({});
}

}  // namespace
}  // namespace semiseg
