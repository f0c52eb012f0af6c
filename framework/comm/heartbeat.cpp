// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/heartbeat.h"

#include <chrono>

namespace semiseg {

void Heartbeat::at(int64_t step, std::string_view phase) {
  const std::lock_guard lock(mutex_);
  activity_.step = step;
  activity_.phase = phase;
  if (activity_.operation.empty()) activity_.since = wall_seconds();
}

void Heartbeat::enter(std::string_view kind, std::string_view name) {
  const std::lock_guard lock(mutex_);
  ++activity_.collective;
  activity_.operation.assign(kind).append(" of ").append(name);
  activity_.since = wall_seconds();
}

void Heartbeat::leave() {
  const std::lock_guard lock(mutex_);
  activity_.operation.clear();
  activity_.since = wall_seconds();
}

void Heartbeat::advance() {
  const std::lock_guard lock(mutex_);
  if (activity_.operation.empty()) activity_.since = wall_seconds();
}

Activity Heartbeat::read() const {
  const std::lock_guard lock(mutex_);
  return activity_;
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace semiseg
