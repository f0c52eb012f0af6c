// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/binding.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <sstream>
#include <thread>

namespace semiseg {
namespace {

// Threads of a rank that work at once: the step, autograd on GPUs, two of the loader.
constexpr int kNeeded = 4;

std::string fix_for(const std::string& launcher, int cores) {
  if (launcher == "srun") {
    return fmt::format("srun --cpus-per-task={} --cpu-bind=cores", cores);
  }
  return fmt::format("mpirun --bind-to none, or --map-by slot:PE={}", cores);
}

std::vector<int> cores_of_this_thread() {
  std::vector<int> cores;
  cpu_set_t mask;
  if (::sched_getaffinity(0, sizeof mask, &mask) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &mask)) cores.push_back(core);
  }
  return cores;
}

}  // namespace

RankCores RankCores::of_this_process() {
  RankCores result;
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  result.host = host;
  result.cores = cores_of_this_thread();
  // A thread may ask for all cores; the system gives it those of the job or container.
  std::thread([&result] {
    cpu_set_t all;
    std::memset(&all, 0xff, sizeof all);
    ::sched_setaffinity(0, sizeof all, &all);
    result.machine = static_cast<int>(cores_of_this_thread().size());
  }).join();
  return result;
}

std::string RankCores::text() const {
  return fmt::format("{} {} {}", host, machine, fmt::join(cores, " "));
}

RankCores RankCores::parse(const std::string& text) {
  RankCores result;
  std::istringstream words(text);
  words >> result.host >> result.machine;
  for (int core; words >> core;) result.cores.push_back(core);
  return result;
}

std::string binding_advice(const std::vector<RankCores>& ranks, const std::string& launcher) {
  std::map<std::string, int> on_host;
  std::map<std::pair<std::string, std::vector<int>>, std::vector<size_t>> sharing;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    ++on_host[ranks[rank].host];
    sharing[{ranks[rank].host, ranks[rank].cores}].push_back(rank);
  }
  for (const auto& [place, owners] : sharing) {
    const RankCores& rank = ranks[owners.front()];
    const int fair = std::max(1, rank.machine / on_host[rank.host]);
    const int each = std::max(1, static_cast<int>(rank.cores.size() / owners.size()));
    if (rank.cores.empty() || each >= std::min(kNeeded, fair)) continue;
    const bool is_alone = owners.size() == 1;
    return fmt::format("{} {} on {} may use {} of {} cores{}, which slows {} down; {} gives more",
                       is_alone ? "rank" : "ranks", fmt::join(owners, ", "), rank.host,
                       rank.cores.size(), rank.machine, is_alone ? "" : " together",
                       is_alone ? "it" : "them", fix_for(launcher, std::min(8, fair)));
  }
  return "";
}

}  // namespace semiseg
