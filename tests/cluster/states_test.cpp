// SPDX-License-Identifier: Apache-2.0
// The states of points that a batch system has: jobs of several runs, clocks that differ, and a
// retry. The batch system is a table of answers, because a real one takes a minute to say them.
#include "cluster/sweep/states.h"

#include <gtest/gtest.h>

#include "cluster/sweep/definition.h"
#include "framework/record/run/run_state.h"
#include "tests/support/temporary_folder.h"

namespace semiseg::cluster {
namespace {
namespace fs = std::filesystem;

class Answers : public Launcher {
 public:
  Launch submit(const std::vector<Task>&, const fs::path&, const Sharing&) override { return {}; }
  std::vector<TaskStatus> query(const Launch& launch,
                                const std::vector<int64_t>& indices) override {
    std::vector<TaskStatus> all;
    for (const int64_t index : indices)
      all.push_back({index, state_of[launch.handle], "job " + launch.handle, launch.pack > 1});
    return all;
  }
  void cancel(const Launch&, const std::vector<int64_t>&) override {}

  std::map<std::string, TaskState> state_of;  // by handle
};

class States : public testing::Test {
 protected:
  States() {
    for (int i = 0; i < 3; ++i)
      definition_.points.push_back({.folder = folder_ / ("run" + std::to_string(i))});
  }
  SweepStates states() {
    return {folder_.path(), definition_, [this](const std::vector<std::string>&) {
              return LauncherOf{answers_, /*is_here=*/false};
            }};
  }
  void launch(SweepStates& states, const std::string& handle, const std::vector<int64_t>& points,
              int64_t pack = 1) {
    states.add_launch({handle, points, pack}, {}, points, {answers_, false},
                      states.last_updates(points));
  }
  void write_run(size_t point, RunStatus status, const std::string& updated) const {
    const fs::path& run = definition_.points[point].folder;
    fs::create_directories(run);
    write_run_state(run, {.status = status, .updated = updated, .message = "no space left"});
  }
  static std::vector<TaskState> of(const SweepStates& states) {
    std::vector<TaskState> all;
    for (const PointState& one : states.states()) all.push_back(one.state);
    return all;
  }

  const TemporaryFolder folder_;
  const std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
  Definition definition_{.name = "x"};
};

TEST_F(States, RunsThatShareAJobEndApartFromIt) {
  SweepStates states = this->states();
  launch(states, "18", {0, 1, 2}, /*pack=*/3);
  answers_->state_of["18"] = TaskState::kRunning;
  write_run(0, RunStatus::kDone, "2026-01-31T00:00:00Z");
  write_run(1, RunStatus::kFailed, "2026-01-31T00:00:00Z");
  states.refresh();
  using enum TaskState;
  EXPECT_EQ(of(states), (std::vector{kDone, kFailed, kRunning}));
  EXPECT_EQ(states.states()[1].detail, "no space left");
  write_run(2, RunStatus::kStopped, "2026-01-31T00:00:01Z");
  states.refresh();
  EXPECT_EQ(of(states), (std::vector{kDone, kFailed, kStopped}));
  EXPECT_TRUE(states.rest(/*with_running=*/false).empty()) << "the job goes on with the third";
  answers_->state_of["18"] = kFailed;
  write_run(2, RunStatus::kDone, "2026-01-31T00:00:02Z");
  SweepStates later = this->states();
  later.refresh();
  EXPECT_EQ(of(later), (std::vector{kDone, kFailed, kDone}));
}

// The node's clock is years behind this one, or ahead.
TEST_F(States, AFailureIsToldWhateverTheClocksSay) {
  for (const char* time : {"2001-01-01T00:00:00Z", "2099-01-01T00:00:00Z"}) {
    write_run(0, RunStatus::kStopped, std::string(time).replace(3, 1, "0"));
    SweepStates states = this->states();
    launch(states, time, {0});
    answers_->state_of[time] = TaskState::kPending;
    states.refresh();
    EXPECT_EQ(states.states()[0].state, TaskState::kPending) << "the earlier end is no news";
    answers_->state_of[time] = TaskState::kFailed;
    write_run(0, RunStatus::kFailed, time);
    states.refresh();
    EXPECT_EQ(states.states()[0].state, TaskState::kFailed);
    EXPECT_EQ(states.states()[0].detail, "no space left");
  }
}

TEST_F(States, ARetriedPointIsLaunchedAgainThoughItsJobIsRemembered) {
  SweepStates states = this->states();
  launch(states, "18", {0, 1, 2});
  answers_->state_of["18"] = TaskState::kFailed;
  write_run(0, RunStatus::kFailed, "2026-01-31T00:00:00Z");
  states.refresh();
  EXPECT_TRUE(states.rest(false).empty());
  states.set({0}, TaskState::kPending, kRetried);
  states.refresh(/*thorough=*/false);
  EXPECT_EQ(states.rest(false), std::vector<int64_t>{0});
  SweepStates seen = this->states();  // semiseg sweep status meanwhile
  seen.refresh();
  EXPECT_EQ(seen.states()[0].state, TaskState::kPending);
  launch(states, "19", {0});
  answers_->state_of["19"] = TaskState::kRunning;
  states.refresh();
  EXPECT_EQ(states.states()[0].state, TaskState::kRunning);
}

}  // namespace
}  // namespace semiseg::cluster
