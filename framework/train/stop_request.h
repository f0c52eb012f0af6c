// SPDX-License-Identifier: Apache-2.0
// The file `stop` in a run folder: how another process, on any machine that sees the folder, asks a
// run to stop.
#pragma once

#include <filesystem>
#include <optional>

namespace semiseg {

// Writes the request, on the side that asks. Throws kIo on failure. Several requests are one.
void write_stop_request(const std::filesystem::path& run);
bool has_stop_request(const std::filesystem::path& run);
void remove_stop_request(const std::filesystem::path& run);  // if there is one

// The run's side, on the process that holds the run's lock. The file goes when the run starts and
// when it ends, so that an old request stops no new start.
class StopRequest {
 public:
  explicit StopRequest(std::filesystem::path run);
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  // Returns true once the file was seen. Polls at most once a second; `now` in seconds of any clock
  // that does not jump.
  bool came(double now);

 private:
  std::filesystem::path run_;
  std::optional<double> looked_;
  bool came_ = false;
};

}  // namespace semiseg
