// SPDX-License-Identifier: Apache-2.0
// Writes down the collective calls of one rank, in their order over all communicators of the rank.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/comm/communicator.h"

namespace semiseg {

struct CollectiveCall {
  int communicator = 0;  // 0, and the number of each duplicate
  std::string kind, name;
  int64_t bytes =
      0;  // sent by this rank; of gather_uneven: those of a row, as ranks differ in rows

  std::string text() const {
    return fmt::format("communicator {}: {} of {}, {} bytes", communicator, kind, name, bytes);
  }
};

class RecordingCommunicator : public Communicator {
 public:
  // `inner` makes the calls and outlives this.
  explicit RecordingCommunicator(const Communicator& inner)
      : inner_(inner), log_(std::make_shared<Log>()) {}

  // All calls so far, those of duplicates included.
  const std::vector<CollectiveCall>& calls() const { return log_->calls; }

  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  void all_reduce(at::Tensor& value, std::string_view name) const override {
    note("all_reduce", name, bytes_of(value));
    inner_.all_reduce(value, name);
  }
  std::unique_ptr<PendingReduction> start_all_reduce(at::Tensor& value,
                                                     std::string_view name) const override {
    note("start_all_reduce", name, bytes_of(value));
    return inner_.start_all_reduce(value, name);
  }
  at::Tensor gather(const at::Tensor& local, std::string_view name) const override {
    note("gather", name, bytes_of(local));
    return inner_.gather(local, name);
  }
  at::Tensor gather_uneven(const at::Tensor& local, std::string_view name) const override {
    int64_t values = 1;
    for (int64_t axis = 1; axis < local.dim(); ++axis) values *= local.size(axis);
    note("gather_uneven", name, values * static_cast<int64_t>(local.element_size()));
    return inner_.gather_uneven(local, name);
  }
  void broadcast(at::Tensor& value, std::string_view name) const override {
    note("broadcast", name, bytes_of(value));
    inner_.broadcast(value, name);
  }
  void barrier(std::string_view name) const override {
    note("barrier", name, 0);
    inner_.barrier(name);
  }
  std::unique_ptr<Communicator> duplicate() const override {
    std::unique_ptr<Communicator> copy = inner_.duplicate();
    return std::unique_ptr<Communicator>(new RecordingCommunicator(std::move(copy), log_));
  }
  void abort(int exit_code) const override { inner_.abort(exit_code); }
  Heartbeat* heartbeat() const override { return inner_.heartbeat(); }

 private:
  struct Log {
    std::vector<CollectiveCall> calls;
    int communicators = 1;
  };
  RecordingCommunicator(std::unique_ptr<Communicator> inner, std::shared_ptr<Log> log)
      : owned_(std::move(inner)),
        inner_(*owned_),
        log_(std::move(log)),
        number_(log_->communicators++) {}

  static int64_t bytes_of(const at::Tensor& value) { return static_cast<int64_t>(value.nbytes()); }
  void note(const char* kind, std::string_view name, int64_t bytes) const {
    log_->calls.push_back({number_, kind, std::string(name), bytes});
  }

  std::unique_ptr<Communicator> owned_;  // of a duplicate
  const Communicator& inner_;
  std::shared_ptr<Log> log_;
  int number_ = 0;
};

}  // namespace semiseg
