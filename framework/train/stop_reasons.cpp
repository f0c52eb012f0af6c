// SPDX-License-Identifier: Apache-2.0
#include "framework/train/stop_reasons.h"

#include <fmt/format.h>

#include "framework/train/stop_signal.h"

namespace semiseg {

std::optional<std::string> StopReasons::reason(double now, double longest_save) {
  if (asked_) walltime_.stepped(now - *asked_);
  asked_ = now;
  walltime_.saved(longest_save);
  if (const auto signal = stop_signal()) return signal;
  if (walltime_.is_due(now)) {
    return fmt::format("walltime in {:.0f} s", *walltime_.seconds_left(now));
  }
  if (request_ && request_->came(now)) return "semiseg train --stop";
  return std::nullopt;
}

}  // namespace semiseg
