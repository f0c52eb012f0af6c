// SPDX-License-Identifier: Apache-2.0
// Ends what cannot be interrupted: a call of a library that waits for other ranks without a limit.
#pragma once

#include <functional>
#include <thread>

namespace semiseg {

class TimeLimit {
 public:
  // Calls `expired` once, in a thread of its own, when this object still lives after `seconds`.
  TimeLimit(double seconds, std::function<void()> expired);
  ~TimeLimit() = default;  // waits for `expired` if that has begun
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

 private:
  std::jthread thread_;
};

}  // namespace semiseg
