// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/watch/watchdog.h"

#include <fcntl.h>
#include <fmt/format.h>
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

std::string describe_failure(const RankPulse& rank) {
  return Error(ErrorKind::kRank,
               {.what = "a device, or the network between devices, has failed",
                .where = fmt::format("rank {} on {}, after step {}, {}", rank.rank, rank.host,
                                     rank.activity.step, rank.activity.phase),
                .got = rank.device.failure,
                .fix = "another rank may have failed first: see its message; NCCL_DEBUG=WARN says "
                       "more; run the same command to resume"})
      .what();
}

}  // namespace

double pulse_interval(double deadline, int ranks) {
  const double shortest = std::min(1.0, deadline / 10);
  return ranks <= 64 ? shortest : std::max(shortest, ranks / 64.0);
}

double longest_silence(double deadline, double interval) {
  return std::max(3 * interval, std::min(30.0, deadline / 10));
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
      rank.device = {.launched = json.value("launched", int64_t{0}),
                     .completed = json.value("completed", int64_t{0}),
                     .operation = json.value("device_operation", ""),
                     .since = json.value("device_since", 0.0)};
    }
    ranks.push_back(std::move(rank));
  }
  return ranks;
}

Watchdog::Watchdog(const Communicator& comm, fs::path folder, double deadline, NoteEnd note_end)
    : comm_(comm),
      folder_(std::move(folder)),
      interval_(pulse_interval(deadline, comm.size())),
      limits_{.deadline = deadline, .silence = longest_silence(deadline, interval_)},
      note_end_(std::move(note_end)) {
  SEMISEG_CHECK(comm.heartbeat(), "a watchdog watches ranks that have a heartbeat");
  comm.heartbeat()->advance();
  write_pulse(own_pulse());
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
    const RankPulse mine = own_pulse();
    write_pulse(mine);
    if (!mine.device.failure.empty()) report_and_abort(describe_failure(mine));
    const double now = wall_seconds();
    // This thread did not run for a while: the job was suspended and continued, as a scheduler
    // does. The others wake up at their own time, so that the wait is counted from here on.
    if (now - looked > longest_nap()) awake = now;
    looked = now;
    if (now - std::max(mine.still_since(), awake) <= limits_.deadline) continue;
    const std::vector<RankPulse> ranks = read_pulses(folder_, comm_.size());
    if (is_hang(ranks, mine.rank, now, limits_))
      report_and_abort(describe_late_ranks(ranks, now, limits_));
  }
}

RankPulse Watchdog::own_pulse() const {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  const double now = wall_seconds();
  return {.rank = comm_.rank(),
          .pid = ::getpid(),
          .host = host,
          .pulse = now,
          .activity = comm_.heartbeat()->read(),
          .device = DeviceRing::of_process().poll(now)};
}

// Writes without fsync, because only the latest pulse matters. A full disk must not end the run
// here.
void Watchdog::write_pulse(const RankPulse& pulse) const {
  const Activity& a = pulse.activity;
  const DeviceState& d = pulse.device;
  const nlohmann::json json = {{"pid", pulse.pid},
                               {"host", pulse.host},
                               {"pulse", pulse.pulse},
                               {"step", a.step},
                               {"phase", a.phase},
                               {"collective", a.collective},
                               {"operation", a.operation},
                               {"since", a.since},
                               {"launched", d.launched},
                               {"completed", d.completed},
                               {"device_operation", d.operation},
                               {"device_since", d.since}};
  const fs::path file = folder_ / fmt::format("{}.json", pulse.rank);
  const fs::path temporary = file.string() + ".tmp";
  std::ofstream(temporary) << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::error_code ignored;
  fs::rename(temporary, file, ignored);
}

void Watchdog::report_and_abort(const std::string& why) const {
  if (claim_report()) {
    log::error("{}", why);
    if (note_end_) note_end_(why);
    comm_.abort(exit_code(ErrorKind::kRank));
  }
  // Another rank reports and aborts this one. If that fails, no live rank is left to wait for.
  std::this_thread::sleep_for(std::chrono::seconds(20));
  std::_Exit(exit_code(ErrorKind::kRank));
}

}  // namespace semiseg
