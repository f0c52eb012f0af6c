// SPDX-License-Identifier: Apache-2.0
// The reasons for which a run stops: signals, its walltime, a file in its folder.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "framework/core/files.h"
#include "framework/train/stop_reasons.h"
#include "framework/train/stop_request.h"
#include "framework/train/stop_signal.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

// Signals stay with a process: each case has its own.
[[noreturn]] void leave_saying(const std::vector<int>& signals) {
  catch_stop_signals();
  for (const int signal : signals) raise(signal);
  const std::string text = stop_signal().value_or("none") + ".";
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(0);
}

TEST(StopSignalDeathTest, TheSignalIsNamed) {
  EXPECT_EXIT(leave_saying({}), testing::ExitedWithCode(0), "none\\.");
  EXPECT_EXIT(leave_saying({SIGINT}), testing::ExitedWithCode(0), "SIGINT\\.");
  EXPECT_EXIT(leave_saying({SIGTERM}), testing::ExitedWithCode(0), "SIGTERM\\.");
  EXPECT_EXIT(leave_saying({SIGUSR1}), testing::ExitedWithCode(0), "SIGUSR1\\.");
  EXPECT_EXIT(leave_saying({SIGUSR2}), testing::ExitedWithCode(0), "SIGUSR2\\.");
}

TEST(StopSignalDeathTest, OnlyASecondInterruptLeavesAtOnce) {
  EXPECT_EXIT(leave_saying({SIGINT, SIGINT}), testing::ExitedWithCode(130), "^$");
  EXPECT_EXIT(leave_saying({SIGTERM, SIGTERM}), testing::ExitedWithCode(0), "SIGTERM\\.");
  EXPECT_EXIT(leave_saying({SIGUSR1, SIGUSR2, SIGTERM}), testing::ExitedWithCode(0), "SIGUSR1\\.");
  EXPECT_EXIT(leave_saying({SIGTERM, SIGINT}), testing::ExitedWithCode(0), "SIGTERM\\.");
  EXPECT_EXIT(leave_saying({SIGTERM, SIGINT, SIGINT}), testing::ExitedWithCode(130), "^$");
}

// A launcher sends one SIGTERM on several ways at once; a person sends another one later.
[[noreturn]] void terminate_again_later() {
  catch_stop_signals();
  raise(SIGTERM);
  ::usleep(1'100'000);
  raise(SIGTERM);
  ::_exit(0);
}

TEST(StopSignalDeathTest, ALaterSecondTerminateLeavesAtOnce) {
  EXPECT_EXIT(terminate_again_later(), testing::ExitedWithCode(143), "^$");
}

TEST(StopSignalDeathTest, AHangUpStopsUnlessItWasIgnored) {
  // The tests themselves may run under nohup.
  EXPECT_EXIT((::signal(SIGHUP, SIG_DFL), leave_saying({SIGHUP})), testing::ExitedWithCode(0),
              "SIGHUP\\.");
  EXPECT_EXIT(leave_saying({SIGXCPU}), testing::ExitedWithCode(0), "SIGXCPU\\.");
  EXPECT_EXIT((::signal(SIGHUP, SIG_IGN), leave_saying({SIGHUP})), testing::ExitedWithCode(0),
              "none\\.");
}

TEST(StopRequestTest, AFileInTheFolderIsSeenAndStaysSeen) {
  const TemporaryFolder run;
  StopRequest request(run.path());
  EXPECT_FALSE(request.came(0));
  write_stop_request(run.path());
  EXPECT_TRUE(request.came(5));
  remove_stop_request(run.path());
  EXPECT_TRUE(request.came(50));
}

TEST(StopRequestTest, TheFolderIsLookedAtOnceASecondAtMost) {
  const TemporaryFolder run;
  StopRequest request(run.path());
  EXPECT_FALSE(request.came(100));
  write_stop_request(run.path());
  EXPECT_FALSE(request.came(100.5));
  EXPECT_FALSE(request.came(100.99));
  EXPECT_TRUE(request.came(101));
}

TEST(StopRequestTest, AnOldRequestStopsNoNewStart) {
  const TemporaryFolder run;
  write_stop_request(run.path());
  {
    StopRequest request(run.path());
    EXPECT_FALSE(request.came(0));
    write_stop_request(run.path());
  }
  EXPECT_FALSE(has_stop_request(run.path())) << "it goes with the run";
}

TEST(StopRequestTest, AFolderThatVanishedIsNoRequest) {
  const TemporaryFolder folder;
  StopRequest request(folder / "absent");
  EXPECT_FALSE(request.came(0));
}

TEST(StopReasonsTest, WithoutAReasonTheRunGoesOn) {
  const TemporaryFolder run;
  StopRequest request(run.path());
  StopReasons reasons(Walltime(), &request);
  for (double now = 0; now < 100; now += 10) EXPECT_EQ(reasons.reason(now, 1), std::nullopt);
  EXPECT_EQ(StopReasons(Walltime(), nullptr).reason(0, 0), std::nullopt);
}

TEST(StopReasonsTest, TheRequestIsNamed) {
  const TemporaryFolder run;
  StopRequest request(run.path());
  StopReasons reasons(Walltime(), &request);
  write_stop_request(run.path());
  EXPECT_EQ(reasons.reason(0, 0), "semiseg train --stop");
}

TEST(StopReasonsTest, TheWalltimeLearnsFromTheTimeBetweenStepsAndFromSaves) {
  StopReasons reasons(Walltime(200.0, 0), nullptr);
  EXPECT_EQ(reasons.reason(50, 0), std::nullopt);  // the time before the first step is no step
  EXPECT_EQ(reasons.reason(60, 0), std::nullopt);
  EXPECT_EQ(reasons.reason(90, 7), std::nullopt);  // a step of 30 s: margin 10 + 30 + 3 · 7
  EXPECT_EQ(reasons.reason(100, 7), std::nullopt);
  EXPECT_EQ(reasons.reason(120, 7), std::nullopt);
  EXPECT_EQ(reasons.reason(138, 7), std::nullopt);
  EXPECT_EQ(reasons.reason(145, 7), "walltime in 55 s");
  reasons.begin_evaluation();  // nothing is left to save, and its cases are another matter
  EXPECT_EQ(reasons.reason(150, 0), std::nullopt);
  EXPECT_EQ(reasons.reason(165, 0), std::nullopt);
  EXPECT_EQ(reasons.reason(176, 0), "walltime in 24 s");
}

TEST(StopReasonsTest, AWalltimeThatLeavesNoTimeIsSaidToBeTooShort) {
  EXPECT_EQ(StopReasons(Walltime(20.0, 0), nullptr).reason(15, 1),
            "walltime in 5 s at the first look, and 13 s are kept to save: raise run.walltime or "
            "the time of the job");
}

}  // namespace
}  // namespace semiseg
