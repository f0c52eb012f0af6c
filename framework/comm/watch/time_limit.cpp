// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/watch/time_limit.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace semiseg {

TimeLimit::TimeLimit(double seconds, std::function<void()> expired)
    : thread_([seconds, expired = std::move(expired)](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any never;
        std::unique_lock lock(mutex);
        never.wait_for(lock, stop, std::chrono::duration<double>(seconds),
                       [&] { return stop.stop_requested(); });
        if (!stop.stop_requested()) expired();
      }) {}

}  // namespace semiseg
