// SPDX-License-Identifier: Apache-2.0
// Scalars for TensorBoard: events.tfevents… of a run folder (TFRecord of
// tensorflow/core/util/event.proto).
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace semiseg {

class TensorBoardLog {
 public:
  // Creates a new file in `run`, beside those of earlier starts. With last_step > 0 (a resumed run)
  // TensorBoard discards their values of later steps. `now`: seconds since the epoch. Throws kIo
  // when it cannot be written.
  TensorBoardLog(const std::filesystem::path& run, int64_t last_step, double now);

  // Appends and flushes values, stored as float32. TensorBoard groups tags by the text before a
  // slash. Throws kIo on failure.
  void append(int64_t step, const std::vector<std::pair<std::string, double>>& values, double now);

  const std::filesystem::path& path() const { return path_; }

 private:
  void write_record(const std::string& event);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace semiseg
