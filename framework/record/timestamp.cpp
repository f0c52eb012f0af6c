// SPDX-License-Identifier: Apache-2.0
#include "framework/record/timestamp.h"

#include <fmt/chrono.h>

#include <ctime>

namespace semiseg {
namespace {

std::tm utc(int64_t now) {
  const auto seconds = static_cast<std::time_t>(now);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return parts;
}

}  // namespace

std::string iso_time(int64_t now) { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc(now)); }

std::string iso_date(int64_t now) { return fmt::format("{:%Y-%m-%d}", utc(now)); }

}  // namespace semiseg
