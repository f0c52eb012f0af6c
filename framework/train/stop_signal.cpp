// SPDX-License-Identifier: Apache-2.0
#include "framework/train/stop_signal.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace semiseg {
namespace {

std::atomic<int> first_signal{0};
std::atomic<bool> was_interrupted{false};
std::atomic<int64_t> terminated_at{0};  // nanoseconds of the steady clock; 0: not yet
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free &&
                  std::atomic<int64_t>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

constexpr int64_t kNanoseconds = 1'000'000'000;

int64_t steady_nanoseconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);  // one of the few calls that a handler may make
  return now.tv_sec * kNanoseconds + now.tv_nsec;
}

void on_signal(int signal) {
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
  if (signal == SIGINT && was_interrupted.exchange(true)) _exit(128 + SIGINT);
  if (signal != SIGTERM) return;
  int64_t first = 0;
  const int64_t now = steady_nanoseconds();
  if (!terminated_at.compare_exchange_strong(first, now) && now - first >= kNanoseconds)
    _exit(128 + SIGTERM);
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action = {}, before = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU})
    sigaction(signal, &action, nullptr);
  sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
  // Ctrl-C in `semiseg train | tee log` ends tee first; writing to the broken pipe must not end the
  // saving.
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

std::optional<std::string> stop_signal() {
  const int signal = first_signal;
  if (signal == 0) return std::nullopt;
  return std::string("SIG") + sigabbrev_np(signal);
}

}  // namespace semiseg
