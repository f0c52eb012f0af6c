// SPDX-License-Identifier: Apache-2.0
#include "framework/train/stop_signal.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <atomic>

namespace semiseg {
namespace {

std::atomic<int> first_signal{0};
std::atomic<bool> was_interrupted{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

void on_signal(int signal) {
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
  if (signal == SIGINT && was_interrupted.exchange(true)) _exit(128 + SIGINT);
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) sigaction(signal, &action, nullptr);
  // Ctrl-C in `semiseg train | tee log` ends tee first; the last words must not end the saving.
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

std::optional<std::string> stop_signal() {
  const int signal = first_signal;
  if (signal == 0) return std::nullopt;
  return std::string("SIG") + sigabbrev_np(signal);
}

}  // namespace semiseg
