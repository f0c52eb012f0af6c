// SPDX-License-Identifier: Apache-2.0
// Runs a verb on several ranks: they connect, agree before the work that all can do it, and end
// together.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "framework/comm/communicator.h"
#include "framework/comm/watch/watchdog.h"
#include "framework/config/config.h"

namespace semiseg {

// Prints the message of an exception on the terminal and returns its exit code.
int report(const std::exception& error);

class World {
 public:
  // Collective. Connects the processes that were started together; only rank 0 prints on the
  // terminal.
  World();

  Communicator& comm() { return *comm_; }
  bool is_first() const { return comm_->rank() == 0; }
  std::string log_name() const;  // "/log.txt", of other ranks "/log.<rank>.txt"

  // Collective. Runs `prepare`, which is not collective, on every rank. When it throws on some
  // ranks, the message of the first of them is printed once, and all ranks exit with its exit code.
  void agree(const std::function<void()>& prepare) const;

  // Collective. Throws kConfig naming the keys in which a rank's configuration differs from rank
  // 0's.
  void check_same(const Config& config) const;

  // Collective. Picks this rank's device by the key `device` of the configuration; from then on
  // comm() communicates tensors there. A chosen GPU cannot be changed. Throws kConfig when there is
  // none.
  void choose_device(const Config& config);
  at::Device device() const { return device_; }

  // Collective. Starts the watchdog, which reports late ranks; `run` is the folder of this run,
  // which rank 0 has locked. `note_end` records there why the run ends, on the rank that fails first
  // or reports, before it aborts the others.
  void watch(const std::filesystem::path& run, double deadline, Watchdog::NoteEnd note_end);

  // Collective. The same for a verb that only reads the run, perhaps beside its training. Where
  // nothing can be written a warning says that hangs will not be reported. Returns at once when ranks
  // are watched already.
  void watch_reading(const std::filesystem::path& run, double deadline);

  // Runs the verb's body and disconnects. A rank that throws aborts the others; its message is
  // printed once and first.
  int run(const std::function<int()>& body);

 private:
  int fail(const std::exception& error) const;
  void warn_of_binding() const;
  void start_watchdog(const std::filesystem::path& all, double deadline);

  std::unique_ptr<Communicator> comm_;
  at::Device device_ = at::kCPU;
  Watchdog::NoteEnd note_end_;
  std::unique_ptr<Watchdog> watchdog_;
  std::filesystem::path pulses_;  // files of this start's watchdogs; kept when a run fails
};

}  // namespace semiseg
