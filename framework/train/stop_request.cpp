// SPDX-License-Identifier: Apache-2.0
#include "framework/train/stop_request.h"

#include <system_error>
#include <utility>

#include "framework/core/files.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr const char* kName = "stop";  // on disk, do not rename
constexpr double kSecondsBetweenLooks = 1;

}  // namespace

void write_stop_request(const fs::path& run) { write_file(run / kName, ""); }

bool has_stop_request(const fs::path& run) {
  std::error_code unreachable;
  return fs::exists(run / kName, unreachable);
}

void remove_stop_request(const fs::path& run) {
  std::error_code absent;
  fs::remove(run / kName, absent);
}

StopRequest::StopRequest(fs::path run) : run_(std::move(run)) { remove_stop_request(run_); }

StopRequest::~StopRequest() { remove_stop_request(run_); }

bool StopRequest::came(double now) {
  if (came_ || (looked_ && now - *looked_ < kSecondsBetweenLooks)) return came_;
  looked_ = now;
  return came_ = has_stop_request(run_);
}

}  // namespace semiseg
