// SPDX-License-Identifier: Apache-2.0
#include "framework/checkpoint/background_writer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "framework/core/log.h"
#include "framework/core/process.h"

namespace semiseg {
namespace {

constexpr size_t kMostJobs = 2;  // each holds a snapshot in memory

// Takes the job by value, so that the snapshot is freed before the lock is taken again.
std::exception_ptr error_of(std::function<void()> job) {
  try {
    job();
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

void warn_about(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& failure) {
    log::warn("a checkpoint was not written:\n{}", failure.what());
  } catch (...) {
    log::warn("a checkpoint was not written");
  }
}

}  // namespace

BackgroundWriter::BackgroundWriter()
    : thread_([this](const std::stop_token& stop) { work(stop); }) {}

BackgroundWriter::~BackgroundWriter() {
  thread_.request_stop();
  thread_.join();
  if (error_) warn_about(error_);
}

void BackgroundWriter::write(std::function<void()> job) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return jobs_.size() < kMostJobs; });
  rethrow();
  jobs_.push_back(std::move(job));
  changed_.notify_all();
}

void BackgroundWriter::check() {
  const std::lock_guard lock(mutex_);
  rethrow();
}

void BackgroundWriter::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return jobs_.empty(); });
  rethrow();
}

double BackgroundWriter::longest_seconds() const {
  const std::lock_guard lock(mutex_);
  return longest_seconds_;
}

void BackgroundWriter::rethrow() {
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void BackgroundWriter::work(const std::stop_token& stop) {
  run_operations_in_this_thread();
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !jobs_.empty(); })) {
    std::function<void()> job = std::move(jobs_.front());  // its place stays, as being written
    lock.unlock();
    const auto begin = std::chrono::steady_clock::now();
    std::exception_ptr error = error_of(std::move(job));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    lock.lock();
    longest_seconds_ = std::max(longest_seconds_, seconds.count());
    if (error) {
      error_ = std::move(error);
      jobs_.clear();
    } else {
      jobs_.pop_front();
    }
    changed_.notify_all();
  }
}

}  // namespace semiseg
