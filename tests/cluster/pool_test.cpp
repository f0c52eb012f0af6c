// SPDX-License-Identifier: Apache-2.0
// The local pool: so many at a time, how tasks end, and tasks that an earlier launcher left behind.
// The tasks are shell scripts that wait for files, so that no test depends on time.
#include "cluster/local/pool.h"

#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "cluster/local/process.h"
#include "cluster/local/task_lock.h"
#include "framework/core/files.h"
#include "framework/record/run/run_state.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg::cluster {
namespace {
namespace fs = std::filesystem;

class Pools : public testing::Test {
 protected:
  Task task(int64_t index, const std::string& script) const {
    return {.index = index,
            .folder = folder_ / ("run" + std::to_string(index)),
            .arguments = {"-c", script}};
  }

  // Says "started", then waits for the file "go".
  std::string waiting(int64_t index, const std::string& then = "exit 0") const {
    const std::string name = (folder_ / std::to_string(index)).string();
    return "touch " + name + ".started; until [ -e " + name + ".go ]; do sleep 0.01; done; " + then;
  }

  void let_go(int64_t index) const { write_file(folder_ / (std::to_string(index) + ".go"), ""); }
  bool has_started(int64_t index) const {
    return fs::exists(folder_ / (std::to_string(index) + ".started"));
  }

  Pool pool(const std::vector<Task>& tasks, int64_t at_once = 1) const {
    return Pool(tasks, folder_ / "tasks", {.program = "/bin/sh", .at_once = at_once, .threads = 3});
  }

  // Works until the condition holds.
  static void work_until(Pool& pool, const std::function<bool()>& condition) {
    for (int i = 0; i < 3000 && !condition(); ++i) {
      pool.work();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_TRUE(condition());
  }

  static auto has(const Pool& pool, int64_t index, TaskState state) {
    return [&pool, index, state] { return pool.status(index).state == state; };
  }

  const TemporaryFolder folder_;
};

TEST_F(Pools, SoManyRunAtATime) {
  Pool pool = this->pool({task(0, waiting(0)), task(1, waiting(1)), task(2, waiting(2))}, 2);
  work_until(pool, [&] { return has_started(0) && has_started(1); });
  EXPECT_EQ(pool.status(2).state, TaskState::kPending);
  let_go(1);
  work_until(pool, [&] { return has_started(2); });
  EXPECT_EQ(pool.status(0).state, TaskState::kRunning);
  EXPECT_EQ(pool.status(1).state, TaskState::kDone);
  let_go(0);
  let_go(2);
  work_until(pool, has(pool, 2, TaskState::kDone));
}

TEST_F(Pools, TheEndOfATaskIsTold) {
  ::unsetenv("OMP_NUM_THREADS");  // the pool leaves it as it is where it is set
  Pool pool = this->pool({task(0, "exit 5"), task(1, "echo 'error: no such file'; exit 3"),
                          task(2, "kill -9 $$"), task(3, "exit 7"),
                          task(4, "[ \"$OMP_NUM_THREADS\" = 3 ]")});
  work_until(pool, [&] {
    return pool.status(4).state != TaskState::kPending &&
           pool.status(4).state != TaskState::kRunning;
  });
  EXPECT_EQ(pool.status(0).state, TaskState::kStopped);
  EXPECT_EQ(pool.status(1).state, TaskState::kFailed);
  EXPECT_EQ(pool.status(1).detail, "no such file");
  EXPECT_EQ(pool.status(2).state, TaskState::kFailed);
  EXPECT_NE(pool.status(2).detail.find("signal 9"), std::string::npos);
  EXPECT_NE(pool.status(3).detail.find("exit code 7"), std::string::npos);
  EXPECT_EQ(pool.status(4).state, TaskState::kDone) << "it has the threads of its share";
}

TEST_F(Pools, EachOfThoseThatRunHasAGpuOfItsOwn) {
  const auto told = [this](int64_t index) {
    const fs::path file = folder_ / ("gpu" + std::to_string(index));
    return task(index, "echo $CUDA_VISIBLE_DEVICES >" + file.string() + "; " + waiting(index));
  };
  const auto gpu = [this](int64_t index) {
    return read_file(folder_ / ("gpu" + std::to_string(index)));
  };
  Pool pool({told(0), told(1), told(2)}, folder_ / "tasks",
            {.program = "/bin/sh", .at_once = 2, .gpus = {"3", "7"}});
  work_until(pool, [&] { return has_started(0) && has_started(1); });
  EXPECT_EQ(gpu(0), "3\n");
  EXPECT_EQ(gpu(1), "7\n");
  let_go(1);
  work_until(pool, [&] { return has_started(2); });
  EXPECT_EQ(gpu(2), "7\n") << "the one that is free now";
  let_go(0);
  let_go(2);
  work_until(pool, has(pool, 2, TaskState::kDone));
}

TEST(PoolShape, RunsShareWhatOneWouldHave) {
  const auto shape = [](const Sharing& sharing, int64_t cores, int64_t gpus) {
    const PoolShape s = PoolShape::of(sharing, cores, gpus);
    return std::pair(s.at_once, s.threads);
  };
  using Pair = std::pair<int64_t, int64_t>;
  EXPECT_EQ(shape({}, 16, 0), Pair(4, 4)) << "four cores each";
  EXPECT_EQ(shape({}, 2, 0), Pair(1, 2));
  EXPECT_EQ(shape({}, 16, 2), Pair(2, 8)) << "a GPU each";
  EXPECT_EQ(shape({.pack = 3}, 16, 2), Pair(6, 2)) << "three on each GPU";
  EXPECT_EQ(shape({.pack = 2}, 8, 0), Pair(4, 2));
  EXPECT_EQ(shape({.at_once = 5, .pack = 3}, 16, 2), Pair(5, 3)) << "what is asked for wins";
  EXPECT_EQ(shape({.pack = 8}, 4, 1), Pair(8, 1));
}

TEST_F(Pools, APackOfRunsSharesEachGpu) {
  std::vector<Task> tasks;
  for (int64_t i = 0; i < 4; ++i) {
    const std::string file = (folder_ / ("gpu" + std::to_string(i))).string();
    tasks.push_back(task(i, "echo $CUDA_VISIBLE_DEVICES >" + file + "; " + waiting(i)));
  }
  const PoolShape shape = PoolShape::of({.pack = 2}, /*cores=*/4, /*gpus=*/2);
  Pool pool(tasks, folder_ / "tasks",
            {.program = "/bin/sh", .at_once = shape.at_once, .gpus = {"3", "7"}});
  work_until(pool,
             [&] { return has_started(0) && has_started(1) && has_started(2) && has_started(3); });
  std::multiset<std::string> gpus;
  for (int64_t i = 0; i < 4; ++i) gpus.insert(read_file(folder_ / ("gpu" + std::to_string(i))));
  EXPECT_EQ(gpus, (std::multiset<std::string>{"3\n", "3\n", "7\n", "7\n"}));
  for (int64_t i = 0; i < 4; ++i) let_go(i);
  work_until(pool, has(pool, 3, TaskState::kDone));
}

TEST_F(Pools, CancelStopsWhatRunsAndDropsWhatWaits) {
  Pool pool = this->pool(
      {task(0, "trap 'touch " + (folder_ / "saved").string() + "; exit 5' TERM; " + waiting(0)),
       task(1, waiting(1))});
  work_until(pool, [&] { return has_started(0); });
  pool.cancel(1);
  pool.cancel(0);
  work_until(pool, has(pool, 0, TaskState::kCancelled));
  EXPECT_TRUE(fs::exists(folder_ / "saved"));
  EXPECT_EQ(pool.status(1).state, TaskState::kCancelled);
  EXPECT_FALSE(has_started(1));
}

// The first pool goes away with its task running, as a killed launcher does.
TEST_F(Pools, ATaskOfAnEarlierLauncherIsNotStartedTwice) {
  const std::string counts = "echo x >>" + (folder_ / "count").string() + "; ";
  const Task left = task(0, counts + waiting(0));
  {
    Pool first = pool({left});
    work_until(first, [&] { return has_started(0); });
  }
  const auto holder = task_holder(folder_ / "tasks", 0);
  ASSERT_TRUE(holder);
  Pool second = pool({left, task(1, waiting(1))});
  second.work();
  EXPECT_EQ(second.status(0).state, TaskState::kRunning);
  EXPECT_FALSE(has_started(1)) << "the task that runs elsewhere takes the only place";
  fs::create_directories(left.folder);
  write_run_state(left.folder, {.status = RunStatus::kDone});
  let_go(0);
  int status = 0;
  ASSERT_EQ(::waitpid(*holder, &status, 0), *holder);
  work_until(second, has(second, 0, TaskState::kDone));
  EXPECT_EQ(read_file(folder_ / "count"), "x\n");
  let_go(1);
  work_until(second, has(second, 1, TaskState::kDone));
}

TEST_F(Pools, ATaskThatDiedWithItsLauncherStartsAgain) {
  const Task left = task(0, waiting(0));
  {
    Pool first = pool({left});
    work_until(first, [&] { return has_started(0); });
  }
  const auto holder = task_holder(folder_ / "tasks", 0);
  ASSERT_TRUE(holder);
  Pool second = pool({left});
  ::kill(-*holder, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(*holder, &status, 0), *holder);
  let_go(0);
  work_until(second, has(second, 0, TaskState::kDone));
}

TEST_F(Pools, AProgramThatIsNotThereIsSaid) {
  Pool pool({task(0, "")}, folder_ / "tasks", {.program = folder_ / "nothing"});
  expect_error(ErrorKind::kIo, {"cannot start", "nothing"}, [&] { pool.work(); });
}

}  // namespace
}  // namespace semiseg::cluster
