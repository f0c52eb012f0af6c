// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/watchdog.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>

#include "framework/core/error.h"
#include "framework/core/log.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

std::string name_of(const RankPulse& rank) {
  if (rank.pid == 0) return fmt::format("rank {}", rank.rank);
  return fmt::format("rank {} (pid {} on {})", rank.rank, rank.pid, rank.host);
}

std::string place_of(const RankPulse& rank) {
  const Activity& a = rank.activity;
  const std::string where = fmt::format("after step {}, {}", a.step, a.phase);
  return a.operation.empty()
             ? fmt::format("{}, computing after collective {}", where, a.collective)
             : fmt::format("{}, in {} (collective {})", where, a.operation, a.collective);
}

std::string describe_late(const RankPulse& rank, double now, double silence) {
  if (rank.pulse == 0) return name_of(rank) + " has given no sign of life";
  if (now - rank.pulse > silence) {
    return fmt::format("{} has given no sign of life for {:.0f} s: stopped, dead or cut off; {}",
                       name_of(rank), now - rank.pulse, place_of(rank));
  }
  return fmt::format("{} is alive but has not reached the collective for {:.0f} s; {}",
                     name_of(rank), now - rank.activity.since, place_of(rank));
}

}  // namespace

std::string describe_late_ranks(const std::vector<RankPulse>& ranks, double now, double deadline,
                                double silence) {
  int64_t furthest = 0;
  for (const auto& rank : ranks) furthest = std::max(furthest, rank.activity.collective);
  std::vector<std::string> late, waiting;
  std::string what_for;
  for (const auto& rank : ranks) {
    const bool is_silent = now - rank.pulse > silence;
    const bool waits = rank.activity.collective == furthest && !rank.activity.operation.empty();
    if (is_silent || !waits) {
      late.push_back(describe_late(rank, now, silence));
    } else {
      waiting.push_back(std::to_string(rank.rank));
      what_for = fmt::format("{} for {:.0f} s", place_of(rank), now - rank.activity.since);
    }
  }
  if (late.empty()) late.emplace_back("no rank is late: the network or a library hangs");
  return Error(
             ErrorKind::kRank,
             {.what = fmt::format("ranks waited longer than {:g} s for each other", deadline),
              .where = fmt::format("{}", fmt::join(late, "; ")),
              .got = fmt::format("waiting: rank {}: {}", fmt::join(waiting, ", "), what_for),
              .fix = "see what holds the late rank (memory, disk, a debugger); the last checkpoint "
                     "is good: run the same command to resume; comm.deadline sets the time limit"})
      .what();
}

bool some_rank_advances(const std::vector<RankPulse>& ranks, double now, double deadline,
                        double silence) {
  return std::any_of(ranks.begin(), ranks.end(), [&](const RankPulse& rank) {
    return now - rank.pulse <= silence && rank.activity.operation.empty() &&
           now - rank.activity.since <= deadline;
  });
}

std::vector<RankPulse> read_pulses(const fs::path& folder, int size) {
  std::vector<RankPulse> ranks;
  for (int r = 0; r < size; ++r) {
    RankPulse rank{.rank = r};
    std::ostringstream text;
    text << std::ifstream(folder / fmt::format("{}.json", r)).rdbuf();
    const auto json = nlohmann::json::parse(text.str(), nullptr, false);
    if (json.is_object()) {
      rank.pid = json.value("pid", int64_t{0});
      rank.host = json.value("host", "");
      rank.pulse = json.value("pulse", 0.0);
      rank.activity = {.step = json.value("step", int64_t{0}),
                       .phase = json.value("phase", ""),
                       .collective = json.value("collective", int64_t{0}),
                       .operation = json.value("operation", ""),
                       .since = json.value("since", 0.0)};
    }
    ranks.push_back(std::move(rank));
  }
  return ranks;
}

Watchdog::Watchdog(const Communicator& comm, fs::path folder, double deadline)
    : comm_(comm),
      folder_(std::move(folder)),
      deadline_(deadline),
      interval_(std::min(1.0, deadline / 10)) {
  SEMISEG_CHECK(comm.heartbeat(), "a watchdog watches ranks that have a heartbeat");
  write_pulse();
  thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

Watchdog::~Watchdog() = default;

bool Watchdog::claim_report() const {
  const int file =
      ::open((folder_ / "reported").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return errno != EEXIST;
  ::close(file);
  return true;
}

void Watchdog::watch(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  const std::chrono::duration<double> interval(interval_);
  double looked = wall_seconds(), awake = 0;
  while (!never.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
    if (stop.stop_requested()) return;
    write_pulse();
    const Activity activity = comm_.heartbeat()->read();
    const double now = wall_seconds();
    // This thread did not run for a while: the job was suspended and continued, as a scheduler
    // does. The others wake up at their own time, so that the wait is counted from here on.
    if (now - looked > longest_nap()) awake = now;
    looked = now;
    if (activity.operation.empty() || now - std::max(activity.since, awake) <= deadline_) continue;
    const std::vector<RankPulse> ranks = read_pulses(folder_, comm_.size());
    if (!some_rank_advances(ranks, now, deadline_, silence())) report_and_abort(ranks);
  }
}

// Writes without fsync, because only the latest pulse matters. A full disk must not end the run
// here.
void Watchdog::write_pulse() const {
  const Activity a = comm_.heartbeat()->read();
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  const nlohmann::json json = {{"pid", ::getpid()},        {"host", host},
                               {"pulse", wall_seconds()},  {"step", a.step},
                               {"phase", a.phase},         {"collective", a.collective},
                               {"operation", a.operation}, {"since", a.since}};
  const fs::path file = folder_ / fmt::format("{}.json", comm_.rank());
  const fs::path temporary = file.string() + ".tmp";
  std::ofstream(temporary) << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::error_code ignored;
  fs::rename(temporary, file, ignored);
}

void Watchdog::report_and_abort(const std::vector<RankPulse>& ranks) const {
  if (claim_report()) {
    log::error("{}", describe_late_ranks(ranks, wall_seconds(), deadline_, silence()));
    comm_.abort(exit_code(ErrorKind::kRank));
  }
  // Another rank reports and aborts this one. If that fails, no live rank is left to wait for.
  std::this_thread::sleep_for(std::chrono::seconds(20));
  std::_Exit(exit_code(ErrorKind::kRank));
}

}  // namespace semiseg
