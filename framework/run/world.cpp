// SPDX-License-Identifier: Apache-2.0
#include "framework/run/world.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <new>
#include <sstream>
#include <system_error>
#include <thread>

#include "framework/comm/binding.h"
#include "framework/comm/broadcast.h"
#include "framework/comm/gpu_ranks.h"
#include "framework/comm/launch_environment.h"
#include "framework/comm/watch/time_limit.h"
#include "framework/core/device.h"
#include "framework/core/error.h"
#include "framework/core/fault_drill.h"
#include "framework/core/log.h"
#include "framework/core/process.h"
#include "framework/run/run_options.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// All ranks know that one of them failed. `error` is null on ranks that do not report.
struct AgreedFailure {
  std::exception_ptr error;
  int code;
};

int code_of(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) return exit_code(known->kind());
  const bool is_of_system = dynamic_cast<const std::system_error*>(&error) != nullptr;
  return exit_code(is_of_system ? ErrorKind::kIo : ErrorKind::kRank);
}

// Formats exceptions of libraries like those of the program.
std::string message_of(const std::exception& error) {
  if (const auto* file = dynamic_cast<const fs::filesystem_error*>(&error)) {
    return Error(ErrorKind::kIo,
                 {.what = "a file or folder cannot be used (" + file->code().message() + ")",
                  .where = file->path1().string(),
                  .fix = "look at the name, and at the permissions of the folders above it"})
        .what();
  }
  if (const auto* torch = dynamic_cast<const c10::Error*>(&error))
    return torch->what_without_backtrace();
  if (dynamic_cast<const std::bad_alloc*>(&error))
    return "there is not enough memory; fewer or smaller images at a time take less";
  return error.what();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Ranks of one machine share its cores, unless the launcher gave each its own.
void share_cores(int local_ranks) {
  cpu_set_t mine;
  if (local_ranks == 1 || std::getenv("OMP_NUM_THREADS") ||
      sched_getaffinity(0, sizeof mine, &mine) != 0)
    return;
  const int cores = CPU_COUNT(&mine), all = static_cast<int>(std::thread::hardware_concurrency());
  at::set_num_threads(cores < all ? cores : std::max(1, cores / local_ranks));
}

// Only the first process explains why they cannot connect: the others would say the same.
std::unique_ptr<Communicator> connect() {
  const auto variables = environment();
  try {
    return join_world(variables);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kConfig || process_number(variables) == 0) throw;
    std::this_thread::sleep_for(std::chrono::seconds(2));
    std::_Exit(exit_code(error.kind()));
  }
}

std::string describe_slow_start(double seconds, at::Device device) {
  return Error(ErrorKind::kRank,
               {.what = fmt::format("NCCL did not connect the ranks within {:g} s", seconds),
                .where = describe_machine(device),
                .fix = "a rank may be missing, or NCCL may take a network interface that does not "
                       "reach the other machines: NCCL_DEBUG=INFO shows it, NCCL_SOCKET_IFNAME "
                       "chooses another; comm.deadline sets the time limit"})
      .what();
}

}  // namespace

int report(const std::exception& error) {
  log::error("{}", message_of(error));
  return code_of(error);
}

World::World() : comm_(connect()) {
  fault_drill(comm_->rank(), 0);
  if (comm_->size() == 1) return;
  log::set_quiet(!is_first());
  log::set_prefix(is_first() ? "" : fmt::format("[rank {}] ", comm_->rank()));
  warn_of_binding();
  share_cores(LaunchEnvironment::read(environment()).local_size);
}

void World::warn_of_binding() const {
  std::vector<RankCores> ranks;
  for (const std::string& text : gather_texts(RankCores::of_this_process().text(), *comm_))
    ranks.push_back(RankCores::parse(text));
  const std::string launcher = LaunchEnvironment::read(environment()).launcher;
  if (const std::string advice = binding_advice(ranks, launcher); !advice.empty())
    log::warn("{}", advice);
}

std::string World::log_name() const {
  return is_first() ? "/log.txt" : fmt::format("/log.{}.txt", comm_->rank());
}

void World::agree(const std::function<void()>& prepare) const {
  std::exception_ptr error;
  int64_t code = 0;
  try {
    prepare();
  } catch (const std::exception& failure) {
    if (comm_->size() == 1) throw;
    error = std::current_exception();
    code = code_of(failure);
  }
  const at::Tensor codes = comm_->gather(at::full({1}, code, at::kLong), "agreement");
  for (int rank = 0; rank < comm_->size(); ++rank) {
    const auto first = static_cast<int>(codes[rank].item<int64_t>());
    if (first != 0) throw AgreedFailure{rank == comm_->rank() ? error : nullptr, first};
  }
}

void World::check_same(const Config& config) const {
  const std::string mine = config.to_toml(), first = broadcast_text(mine, *comm_);
  agree([&] {
    if (mine == first) return;
    std::vector<std::string> differing;
    const auto here = lines_of(mine), there = lines_of(first);
    for (const auto& line : here) {
      if (std::find(there.begin(), there.end(), line) == there.end()) differing.push_back(line);
    }
    throw Error(
        ErrorKind::kConfig,
        {.what = "the ranks were started with different configurations",
         .where = fmt::format("rank {}", comm_->rank()),
         .expected = "the configuration of rank 0",
         .got = fmt::format("{}", fmt::join(differing, "; ")),
         .fix = "start all ranks with the same command, experiment files and builds of plug-ins"});
  });
}

void World::choose_device(const Config& config) {
  at::Device chosen = device_;
  agree([&] {
    const std::string name = GeneralOptions::read(config).device;
    if (!device_.is_cpu()) return;
    const LaunchEnvironment launched = LaunchEnvironment::read(environment());
    chosen = semiseg::choose_device(
        name, gpu_index(gpus_in_sight(), launched.local_rank, launched.local_size));
  });
  const at::Tensor has_gpu =
      comm_->gather(at::full({1}, chosen.is_cpu() ? 0 : 1, at::kLong), "devices");
  agree([&] {
    if (at::equal(has_gpu, has_gpu[0].expand_as(has_gpu))) return;
    throw Error(ErrorKind::kConfig,
                {.what = "some ranks have a GPU and others have none",
                 .where = fmt::format("rank {}", comm_->rank()),
                 .expected = "a GPU for every rank, or for none",
                 .got = chosen.is_cpu() ? "none" : "a GPU",
                 .fix = "look at the driver where there is none, or set device=cpu"});
  });
  if (device_ == chosen) return;
  device_ = chosen;
  double deadline = 0;
  agree([&] { deadline = CommOptions::read(config.section("comm")).deadline; });
  check_distinct_gpus(device_, *comm_);
  const Communicator& host = *comm_;
  const TimeLimit limit(deadline, [&] {
    log::error("{}", describe_slow_start(deadline, device_));
    host.abort(exit_code(ErrorKind::kRank));
  });
  comm_ = place_on(device_, std::move(comm_));
}

void World::watch(const fs::path& run, double deadline, Watchdog::NoteEnd note_end) {
  if (comm_->size() == 1) return;
  note_end_ = std::move(note_end);
  const fs::path all = run / "heartbeat";
  agree([&] {
    std::error_code in_use;
    if (is_first()) fs::remove_all(all, in_use);
  });
  start_watchdog(all, deadline);
}

void World::watch_reading(const fs::path& run, double deadline) {
  if (comm_->size() == 1 || watchdog_) return;
  start_watchdog(run / "heartbeat.reading", deadline);
}

// Each start has a folder of its own: a suspended rank of an earlier start may wake up and write.
void World::start_watchdog(const fs::path& all, double deadline) {
  const fs::path pulses =
      all / broadcast_text(fmt::format("{}-{}", now_seconds(), ::getpid()), *comm_);
  std::error_code refused;
  if (is_first()) fs::create_directories(pulses, refused);
  const std::string why = broadcast_text(refused ? refused.message() : "", *comm_);
  if (!why.empty()) {
    log::warn("ranks that hang will not be reported: {} cannot be written ({})", all.string(), why);
    return;
  }
  pulses_ = pulses;
  watchdog_ = std::make_unique<Watchdog>(*comm_, pulses_, deadline, note_end_);
}

int World::run(const std::function<int()>& body) {
  int code = 0;
  try {
    code = body();
  } catch (const AgreedFailure& failure) {
    code = failure.code;
    if (failure.error) {
      try {
        std::rethrow_exception(failure.error);
      } catch (const std::exception& error) {
        report(error);
      }
    }
  } catch (const std::exception& error) {
    if (comm_->size() == 1) throw;
    return fail(error);
  }
  if (watchdog_) comm_->barrier("end");  // a rank that stops before it is still reported
  watchdog_.reset();
  comm_->leave();
  std::error_code ignored;
  if (is_first() && !pulses_.empty()) {
    fs::remove_all(pulses_, ignored);
    fs::remove(pulses_.parent_path(), ignored);  // stays when another start is in it already
  }
  return code;
}

int World::fail(const std::exception& error) const {
  const int code = code_of(error);
  // Until the watchdog runs, it is unknown which rank failed first. Rank 0 reports at once; others
  // wait 2 s and report only if rank 0 did not abort them.
  if (!watchdog_ && !is_first()) std::this_thread::sleep_for(std::chrono::seconds(2));
  if (!watchdog_ || watchdog_->claim_report()) {
    log::set_prefix(fmt::format("[rank {}] ", comm_->rank()));
    report(error);
    if (watchdog_ && note_end_) note_end_(message_of(error));
    // mpirun receives this message and the abort on different channels; the message must come
    // first.
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    comm_->abort(code);
  }
  // Another rank failed first, perhaps for the same reason: it has reported and aborts this one.
  std::this_thread::sleep_for(std::chrono::seconds(10));
  std::_Exit(code);
}

}  // namespace semiseg
