// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/watch/device_ring.h"

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace semiseg {

// It is never destroyed: events of a device that is gone cannot be.
DeviceRing& DeviceRing::of_process() {
  static auto* const ring = new DeviceRing;
  return *ring;
}

int DeviceRing::add_communicator(std::function<std::string()> failure) {
  const std::lock_guard lock(mutex_);
  communicators_.emplace(next_communicator_, std::move(failure));
  return next_communicator_++;
}

void DeviceRing::remove_communicator(int number) {
  const std::lock_guard lock(mutex_);
  communicators_.erase(number);
}

void DeviceRing::launched(DeviceCollective collective) {
  const std::lock_guard lock(mutex_);
  running_.push_back({std::move(collective), ++state_.launched, /*begun=*/0});
  retire_front();
}

// Two for each launch: the ring holds what is in flight, whether or not anybody polls.
void DeviceRing::retire_front() {
  try {
    for (int i = 0; i < 2 && running_.size() > 1; ++i) {
      if (!running_.front().collective.end->reached()) return;
      running_.pop_front();
      ++state_.completed;
    }
  } catch (const std::exception& error) {
    state_.failure = error.what();
  }
}

// Communicators have streams of their own: a later collective may end before an earlier one.
void DeviceRing::retire_all(double now) {
  for (auto entry = running_.begin(); entry != running_.end();) {
    if (entry->collective.end->reached()) {
      entry = running_.erase(entry);
      ++state_.completed;
      continue;
    }
    if (entry->begun == 0 && entry->collective.start->reached()) entry->begun = now;
    if (entry->begun != 0 && state_.operation.empty()) {
      state_.operation = describe(*entry);
      state_.since = entry->begun;
    }
    ++entry;
  }
}

DeviceState DeviceRing::poll(double now) {
  const std::lock_guard lock(mutex_);
  state_.operation.clear();
  state_.since = 0;
  try {
    for (const auto& [number, failure] : communicators_) {
      if (state_.failure.empty()) state_.failure = failure();
    }
    retire_all(now);
  } catch (const std::exception& error) {
    if (state_.failure.empty()) state_.failure = error.what();
  }
  return state_;
}

std::string DeviceRing::describe(const Entry& entry) {
  const DeviceCollective& c = entry.collective;
  return fmt::format("{} (device collective {}, communicator {}, {} bytes)", c.name, entry.sequence,
                     c.communicator, c.bytes);
}

}  // namespace semiseg
