// SPDX-License-Identifier: Apache-2.0
// How a verb runs on several ranks: they meet, agree before the work on whether all can do it, and
// leave together.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "framework/comm/communicator.h"
#include "framework/comm/watchdog.h"
#include "framework/config/config.h"

namespace semiseg {

// The message of an exception to the terminal, and the exit code that belongs to it.
int report(const std::exception& error);

class World {
 public:
  // Collective. Meets the processes that were started together; only rank 0 speaks on the terminal.
  World();

  Communicator& comm() { return *comm_; }
  bool is_first() const { return comm_->rank() == 0; }
  std::string log_name() const;  // "/log.txt", of other ranks "/log.<rank>.txt"

  // Collective. Runs `prepare`, which is not collective, on every rank. When it throws on some, the
  // first such rank's message is printed, once, and all ranks leave with its exit code.
  void agree(const std::function<void()>& prepare) const;

  // Collective. kConfig naming the keys in which a rank's configuration differs from rank 0's.
  void check_same(const Config& config) const;

  // Collective. Picks this rank's device by the key `device` of the configuration; from here on
  // comm() exchanges tensors there. A GPU once chosen stays. kConfig when there is none.
  void choose_device(const Config& config);
  at::Device device() const { return device_; }

  // Collective. From here on a rank that is late is reported; `run` is the folder of this run,
  // which rank 0 has locked.
  void watch(const std::filesystem::path& run, double deadline);

  // Runs the verb's body and leaves. A rank that throws takes the others down; its message is
  // printed once and first.
  int run(const std::function<int()>& body);

 private:
  int fail(const std::exception& error) const;

  std::unique_ptr<Communicator> comm_;
  at::Device device_ = at::kCPU;
  std::unique_ptr<Watchdog> watchdog_;
  std::filesystem::path pulses_;  // files of this start's watchdogs; they stay when a run fails
};

}  // namespace semiseg
