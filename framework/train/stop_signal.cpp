// SPDX-License-Identifier: Apache-2.0
#include "framework/train/stop_signal.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace semiseg {
namespace {

std::atomic<bool> requested{false};
static_assert(std::atomic<bool>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

void on_signal(int signal) {
  if (requested.exchange(true) && signal == SIGINT) _exit(128 + SIGINT);
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) sigaction(signal, &action, nullptr);
}

bool stop_requested() { return requested; }

}  // namespace semiseg
