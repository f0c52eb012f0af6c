// SPDX-License-Identifier: Apache-2.0
// The collectives that this rank has launched on its device and that may not have ended. The host
// does not wait for them when it launches them, so that a hang of theirs is seen here alone.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace semiseg {

// A place in the work of a device.
class DeviceEvent {
 public:
  virtual ~DeviceEvent() = default;
  // Returns true once the device has come to it. Any thread may ask. Throws when the device failed.
  virtual bool reached() const = 0;
};

struct DeviceCollective {
  int communicator = 0;  // number that add_communicator() gave
  std::string name;      // e.g. "all_reduce of batch_norm_backward"
  int64_t bytes = 0;     // sent by this rank
  std::shared_ptr<const DeviceEvent> start, end;
};

// A summary of the ring, for the pulse of this rank.
struct DeviceState {
  int64_t launched = 0;   // collectives launched so far: the same number on all ranks is the same
                          // collective
  int64_t completed = 0;  // collectives that have ended
  std::string operation;  // the oldest that has begun and not ended; empty: none
  double since = 0;       // when it was first seen to have begun, seconds since the epoch
  std::string failure;    // message of the device or the network; empty: none
};

// Thread-safe: the training launches, the watchdog polls.
class DeviceRing {
 public:
  // The ring of this process, which has one device; empty where ranks have none.
  static DeviceRing& of_process();

  // Returns the number of a new communicator. `failure` returns why it can do no more, or an empty
  // text; it is called by poll() until the communicator is removed.
  int add_communicator(std::function<std::string()> failure);
  void remove_communicator(int number);

  // Counts a collective, in the order of its launch, and forgets those at the front that have ended.
  void launched(DeviceCollective collective);

  // Asks the events and communicators; `now` in seconds since the epoch. Never throws.
  DeviceState poll(double now);

 private:
  struct Entry {
    DeviceCollective collective;
    int64_t sequence;
    double begun;  // 0: not seen to have begun
  };
  void retire_front();
  void retire_all(double now);
  static std::string describe(const Entry& entry);

  std::mutex mutex_;
  std::deque<Entry> running_;
  std::map<int, std::function<std::string()>> communicators_;
  int next_communicator_ = 0;
  DeviceState state_;
};

}  // namespace semiseg
