// SPDX-License-Identifier: Apache-2.0
#include "framework/core/fault_drill.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace semiseg {
namespace {

constexpr std::array<std::string_view, 7> kKinds = {"throw", "oom",  "kill", "stop",
                                                    "spin",  "usr2", "disk"};

struct Drill {
  std::string kind;
  int rank = 0;
  int64_t step = 0;
};

Drill parse_drill(const std::string& text) {
  char kind[16] = "";
  Drill drill;
  const bool is_whole =
      std::sscanf(text.c_str(), "%15[a-z0-9]:%d:%ld", kind, &drill.rank, &drill.step) == 3;
  if (!is_whole || std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) {
    throw Error(ErrorKind::kConfig, {.what = "SEMISEG_FAULT cannot be parsed",
                                     .expected = fmt::format("<kind>:<rank>:<step>, kind one of {}",
                                                             fmt::join(kKinds, ", ")),
                                     .got = text});
  }
  drill.kind = kind;
  return drill;
}

std::vector<Drill> parse_drills() {
  std::vector<Drill> drills;
  const char* text = std::getenv("SEMISEG_FAULT");
  std::istringstream parts(text ? text : "");
  for (std::string part; std::getline(parts, part, ',');) drills.push_back(parse_drill(part));
  return drills;
}

void fill_disk(int64_t calls) {
  set_file_fault([left = std::make_shared<std::atomic<int64_t>>(calls)](
                     std::string_view, const std::filesystem::path&) { return --*left < 0; });
}

void spin() {
  for (volatile bool forever = true; forever;) continue;
}

void strike(const Drill& drill) {
  if (drill.kind == "throw") {
    throw Error(ErrorKind::kRank,
                {.what = "a drill: this rank fails",
                 .where = fmt::format("rank {}, step {}", drill.rank, drill.step)});
  }
  if (drill.kind == "oom") {
    const std::unique_ptr<char[]> all(new char[std::numeric_limits<int64_t>::max() / 4]);
    all[0] = 1;
  }
  if (drill.kind == "kill") raise(SIGKILL);
  if (drill.kind == "stop") raise(SIGSTOP);
  if (drill.kind == "usr2") raise(SIGUSR2);
  if (drill.kind == "spin") spin();
}

}  // namespace

void fault_drill(int rank, int64_t step) {
  static const std::vector<Drill> drills = parse_drills();
  static bool is_full = false;
  for (const Drill& drill : drills) {
    if (drill.rank != rank) continue;
    if (drill.kind == "disk" && !std::exchange(is_full, true)) fill_disk(drill.step);
    if (drill.kind != "disk" && drill.step == step) strike(drill);
  }
}

}  // namespace semiseg
