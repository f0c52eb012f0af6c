// SPDX-License-Identifier: Apache-2.0
// semiseg check: defects are found without a training, and memory is estimated well enough.
#include <nlohmann/json.hpp>
#include <regex>

#include "cluster/check/peak_bytes.h"
#include "cluster/check/request_check.h"
#include "tests/support/expect_error.h"
#include "tests/support/small_run.h"

namespace semiseg::cluster {
namespace {

TEST(PeakBytes, CountsWhatLivesAndTheMost) {
  PeakBytes bytes;
  const int64_t before = bytes.live();
  const at::Tensor kept = at::empty({1000}, at::kFloat);
  { const at::Tensor gone = at::empty({3000}, at::kFloat); }
  EXPECT_EQ(bytes.live() - before, 4000);
  EXPECT_EQ(bytes.peak() - before, 16000);
  bytes.reset_peak();
  EXPECT_EQ(bytes.peak(), bytes.live());
}

TEST(RequestCheck, ReadsMemoryAsSlurmDoes) {
  EXPECT_EQ(memory_bytes("512"), 512.0 * 1024 * 1024);
  EXPECT_EQ(memory_bytes("2G"), 2.0 * 1024 * 1024 * 1024);
  EXPECT_EQ(memory_bytes("100k"), 100.0 * 1024);
  for (const char* wrong : {"", "G", "2X", "1.5G", "-1G", "many"})
    expect_error(ErrorKind::kConfig, {"cluster.mem"}, [&] { memory_bytes(wrong); });
}

TEST(RequestCheck, FoldersOfOneMachineAreFound) {
  EXPECT_EQ(node_local("/tmp/runs"), "/tmp");
  EXPECT_EQ(node_local("/tmp"), "/tmp");
  EXPECT_EQ(node_local("/dev/shm/x/y"), "/dev/shm");
  EXPECT_EQ(node_local("/tmpfiles"), node_local("/"));
}

class Check : public SmallRuns {
 protected:
  static nlohmann::json check(const std::string& more, int code) {
    const ProgramResult result =
        run_program("check --json " + kSmall + " " + more, folder_.string());
    EXPECT_EQ(result.exit_code, code) << result.output;
    return nlohmann::json::parse(result.output.substr(result.output.find('{')));
  }
  static void expect_defect(const nlohmann::json& result, const std::vector<std::string>& words) {
    ASSERT_EQ(result["defects"].size(), 1U) << result.dump(1);
    const std::string text = result["defects"][0].dump();
    for (const std::string& word : words)
      EXPECT_NE(text.find(word), std::string::npos) << word << " is not in " << text;
  }
};

TEST_F(Check, ASoundSweepHasNoDefectAndAnEstimate) {
  const auto result = check("method=supervised,transmedseg seed=0,1", 0);
  EXPECT_EQ(result["points"], 4);
  EXPECT_EQ(result["kinds"], 2);
  EXPECT_EQ(result["assembled"], 2);
  EXPECT_TRUE(result["defects"].empty());
  ASSERT_EQ(result["memory"].size(), 2U);
  for (const auto& line : result["memory"]) {
    EXPECT_GT(line["host_bytes"], 50e6) << line;
    EXPECT_LT(line["host_bytes"], 4e9) << line;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "runs")) << "a check makes no run";
}

TEST_F(Check, EachDefectIsOneLineWithItsFix) {
  expect_defect(check("method=supervised,nothing", 1), {"method=nothing", "unknown option"});
  expect_defect(check("method=bcp labelled=3,99", 1), {"labelled=99", "99"});
  const ProgramResult absent = run_program(
      "check method=supervised dataset=acdc dataset.root=absent labelled=7", folder_.string());
  EXPECT_EQ(absent.exit_code, 1) << absent.output;
  EXPECT_NE(absent.output.find("DEFECT  supervised: "), std::string::npos) << absent.output;
  EXPECT_NE(absent.output.find("absent"), std::string::npos) << absent.output;
  expect_defect(check("method=supervised cluster=nowhere", 1), {"nowhere"});
  expect_defect(check("method=supervised sweep.at_once=100000", 1),
                {"at a time need", "sweep.at_once"});
}

// Slurm is not asked, so none is needed.
TEST_F(Check, TheSitesFileCountsAsItDoesForAJob) {
  write_file(folder_ / "site.toml", "[cluster]\nmem = '1M'\ntasks_per_node = 2\n");
  const ProgramResult result =
      run_program("check " + kSmall + " method=supervised cluster=slurm", folder_.string(),
                  "SEMISEG_SITE=" + (folder_ / "site.toml").string());
  EXPECT_EQ(result.exit_code, 1) << result.output;
  EXPECT_NE(result.output.find("2 ranks on a node need about"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("cluster.mem is 1 MiB"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace semiseg::cluster
