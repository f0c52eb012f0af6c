// SPDX-License-Identifier: Apache-2.0
#include "tests/slurm/slurm_bed.h"

#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <regex>
#include <sstream>
#include <thread>

#include "cluster/command.h"
#include "framework/core/files.h"
#include "tests/support/places.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using cluster::CommandResult;
using cluster::run_command;

// Later starts of a job run through: the drill is for the first one.
const char* const kSite = R"([cluster]
cpus_per_task = 1
setup = ['test -z "$SLURM_RESTART_COUNT" || unset SEMISEG_FAULT']
)";

// Sets the variables of env.sh, lines "export A=x B=y", in this process.
void take_environment(const fs::path& file) {
  std::istringstream words(read_file(file));
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals != std::string::npos)
      ::setenv(word.substr(0, equals).c_str(), word.substr(equals + 1).c_str(), 1);
  }
}

}  // namespace

void SlurmBed::SetUpTestSuite() {
  SmallRuns::SetUpTestSuite();
  bed_ = fs::path("/tmp") / ("semiseg.slurm." + std::to_string(::getpid()));
  const CommandResult start =
      run_command({source_folder() / "tests/slurm/start", bed_, std::to_string(::getpid())}, 60);
  ASSERT_EQ(start.exit_code, 0) << start.output << start.errors;
  take_environment(bed_ / "env.sh");
  write_file(bed_ / "site.toml", kSite);
  ::setenv("SEMISEG_SITE", (bed_ / "site.toml").c_str(), 1);
}

void SlurmBed::TearDownTestSuite() {
  run_command({source_folder() / "tests/slurm/stop", bed_}, 60);
  SmallRuns::TearDownTestSuite();
}

std::string SlurmBed::submit(const std::string& name, const std::string& more,
                             const std::string& before) {
  const ProgramResult result = train(name, "cluster=slurm " + more, before);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  std::smatch id;
  EXPECT_TRUE(std::regex_search(result.output, id, std::regex("submitted: job (\\d+)\n")))
      << result.output;
  return id[1];
}

std::string SlurmBed::slurm(const std::vector<std::string>& words) {
  const CommandResult result = run_command(words, 60);
  EXPECT_EQ(result.exit_code, 0) << words[0] << ": " << result.errors;
  return result.output;
}

std::string SlurmBed::field(const std::string& job, const std::string& name) {
  std::istringstream words(slurm({"scontrol", "-o", "show", "job", job}));
  for (std::string word; words >> word;) {
    if (word.starts_with(name + "=")) return word.substr(name.size() + 1);
  }
  return "";
}

void SlurmBed::expect_soon(const std::string& what, const std::function<bool()>& is_true) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(3);
  while (std::chrono::steady_clock::now() < end) {
    if (is_true()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ADD_FAILURE() << "not within three minutes: " << what << "\n" << slurm({"squeue", "-t", "all"});
  for (const auto& log : fs::recursive_directory_iterator(folder_ / "jobs")) {
    if (log.path().extension() == ".log")
      std::cerr << log.path() << ":\n" << read_file(log.path()) << '\n';
  }
}

void SlurmBed::expect_state(const std::string& job, const std::string& state) {
  expect_soon("job " + job + " " + state, [&] { return field(job, "JobState") == state; });
}

void SlurmBed::expect_restarts(const std::string& job, const std::string& restarts) {
  expect_soon("job " + job + " restarted", [&] { return field(job, "Restarts") == restarts; });
}

void SlurmBed::expect_rows(const std::string& name, int rows) {
  expect_soon(name + " has " + std::to_string(rows) + " rows", [&] {
    const fs::path file = folder_ / name / "metrics.jsonl";
    return fs::exists(file) &&
           read_file(file).find("\"step\":" + std::to_string(rows) + ",") != std::string::npos;
  });
}

std::string SlurmBed::job_file(const std::string& run, const std::string& file) {
  const fs::path path = folder_ / "jobs" / run / file;
  return fs::exists(path) ? read_file(path) : "";
}

}  // namespace semiseg
