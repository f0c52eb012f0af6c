// SPDX-License-Identifier: Apache-2.0
// Writes files in the background: one thread, in the order of the calls.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace semiseg {

class BackgroundWriter {
 public:
  BackgroundWriter();
  // Waits until all is written. An error that no call has rethrown becomes a warning.
  ~BackgroundWriter();

  // Queues a write. The job owns its data (a snapshot that nothing changes any more) and throws on
  // failure. Returns at once, unless one write is running and another one is queued, as when best
  // and newest come together: then it first waits for one to end. Rethrows the error of an earlier
  // write and then queues nothing. A failed write drops the writes queued behind it, because they
  // may depend on it.
  void write(std::function<void()> job);

  // Rethrows as `write` does, without waiting, so that a full disk is noticed before the next
  // write.
  void check();

  // Waits until all is written. Rethrows as `write` does.
  void flush();

  // Returns the duration of the longest write so far, until it was on the disk; 0: none.
  double longest_seconds() const;

 private:
  void work(const std::stop_token& stop);
  void rethrow();

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> jobs_;  // the first is being written
  std::exception_ptr error_;
  double longest_seconds_ = 0;
  std::jthread thread_;
};

}  // namespace semiseg
