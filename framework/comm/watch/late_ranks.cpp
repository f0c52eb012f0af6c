// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/watch/late_ranks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// The collectives that the furthest rank has entered.
struct Furthest {
  int64_t host = 0, device = 0;
};

Furthest furthest_of(const std::vector<RankPulse>& ranks) {
  Furthest furthest;
  for (const auto& rank : ranks) {
    furthest.host = std::max(furthest.host, rank.activity.collective);
    furthest.device = std::max(furthest.device, rank.device.launched);
  }
  return furthest;
}

std::string name_of(const RankPulse& rank) {
  if (rank.pid == 0) return fmt::format("rank {}", rank.rank);
  return fmt::format("rank {} (pid {} on {})", rank.rank, rank.pid, rank.host);
}

std::string place_of(const RankPulse& rank) {
  const Activity& a = rank.activity;
  std::string place = fmt::format("after step {}, {}", a.step, a.phase);
  if (!a.operation.empty()) {
    place += fmt::format(", in {} (collective {})", a.operation, a.collective);
  } else if (rank.device.operation.empty()) {
    place += fmt::format(", computing after collective {}", a.collective);
  }
  if (!rank.device.operation.empty()) place += ", its device in " + rank.device.operation;
  return place;
}

std::string describe_late(const RankPulse& rank, const Furthest& furthest, double now,
                          double silence) {
  if (rank.pulse == 0) return name_of(rank) + " has given no sign of life";
  std::string device;
  if (furthest.device > 0) {
    device = fmt::format("; it has launched {} of {} collectives of devices, {} have ended",
                         rank.device.launched, furthest.device, rank.device.completed);
  }
  if (now - rank.pulse > silence) {
    return fmt::format("{} has given no sign of life for {:.0f} s: stopped, dead or cut off; {}{}",
                       name_of(rank), now - rank.pulse, place_of(rank), device);
  }
  return fmt::format("{} is alive but has not reached the collective for {:.0f} s; {}{}",
                     name_of(rank), now - rank.still_since(), place_of(rank), device);
}

bool waits(const RankPulse& rank, const Furthest& furthest) {
  return rank.is_in_collective() && rank.activity.collective == furthest.host &&
         rank.device.launched == furthest.device;
}

constexpr const char* kFix =
    "see what holds the late rank (memory, disk, a debugger); the last checkpoint is good: run the "
    "same command to resume; comm.deadline sets the time limit";

std::string describe_computing(const std::vector<RankPulse>& ranks, double now, double deadline) {
  std::vector<std::string> places;
  for (const auto& rank : ranks) {
    places.push_back(fmt::format("{} for {:.0f} s: {}", name_of(rank), now - rank.still_since(),
                                 place_of(rank)));
  }
  return Error(ErrorKind::kRank,
               {.what = fmt::format("all ranks have computed for longer than {:g} s without a sign "
                                    "of progress",
                                    deadline),
                .where = fmt::format("{}", fmt::join(places, "; ")),
                .fix = kFix})
      .what();
}

}  // namespace

bool RankPulse::is_in_collective() const {
  return !activity.operation.empty() || !device.operation.empty();
}

double RankPulse::still_since() const {
  return device.operation.empty() ? activity.since : std::max(activity.since, device.since);
}

bool is_hang(const std::vector<RankPulse>& ranks, int self, double now, const WatchLimits& limits) {
  const auto is_alive = [&](const RankPulse& rank) { return now - rank.pulse <= limits.silence; };
  const auto is_still = [&](const RankPulse& rank) {
    return now - rank.still_since() > limits.deadline;
  };
  if (ranks[static_cast<size_t>(self)].is_in_collective()) {
    return std::none_of(ranks.begin(), ranks.end(), [&](const RankPulse& rank) {
      return is_alive(rank) && !rank.is_in_collective() && !is_still(rank);
    });
  }
  return std::all_of(ranks.begin(), ranks.end(),
                     [&](const RankPulse& rank) { return !is_alive(rank) || is_still(rank); });
}

std::string describe_late_ranks(const std::vector<RankPulse>& ranks, double now,
                                const WatchLimits& limits) {
  const Furthest furthest = furthest_of(ranks);
  const bool all_compute = std::none_of(ranks.begin(), ranks.end(), [&](const RankPulse& rank) {
    return rank.is_in_collective() || now - rank.pulse > limits.silence;
  });
  if (all_compute) return describe_computing(ranks, now, limits.deadline);
  std::vector<std::string> late, waiting;
  std::string what_for;
  for (const auto& rank : ranks) {
    if (now - rank.pulse > limits.silence || !waits(rank, furthest)) {
      late.push_back(describe_late(rank, furthest, now, limits.silence));
    } else {
      waiting.push_back(std::to_string(rank.rank));
      what_for = fmt::format("{} for {:.0f} s", place_of(rank), now - rank.still_since());
    }
  }
  if (late.empty()) late.emplace_back("no rank is late: the network or a library hangs");
  return Error(ErrorKind::kRank,
               {.what =
                    fmt::format("ranks waited longer than {:g} s for each other", limits.deadline),
                .where = fmt::format("{}", fmt::join(late, "; ")),
                .got = fmt::format("waiting: rank {}: {}", fmt::join(waiting, ", "), what_for),
                .fix = kFix})
      .what();
}

}  // namespace semiseg
