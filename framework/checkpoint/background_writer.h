// SPDX-License-Identifier: Apache-2.0
// Files that are written beside the training: one thread, in the order asked for.
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
  // Waits until all is written. An error that nobody asked for becomes a warning.
  ~BackgroundWriter();

  // Hands over a write: it owns what it writes (a snapshot that nobody changes any more) and throws
  // what goes wrong. Returns at once, unless one write is going on and another waits already, as
  // when best and newest come together: then it first waits for one to end. Rethrows the error of
  // an earlier write, which takes with it those that waited behind it, because they may count on
  // it; then nothing is handed over.
  void write(std::function<void()> job);

  // Rethrows as `write` does and returns at once: a full disk need not wait for the next write to
  // be noticed.
  void check();

  // Returns when all is written. Rethrows as `write` does.
  void flush();

  // The longest write so far, from its start to its end on the disk; 0: none.
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
