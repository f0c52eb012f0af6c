// SPDX-License-Identifier: Apache-2.0
#include "framework/train/stop_reasons.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include "framework/comm/broadcast.h"
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

void StopReasons::begin_evaluation() {
  walltime_.forget();
  asked_.reset();
}

std::string agree_to_stop(const std::optional<std::string>& mine, const Communicator& comm) {
  at::Tensor wanted = at::full({1}, mine ? 1.0 : 0.0, at::kDouble);
  comm.all_reduce(wanted, "stop flag");
  if (wanted.item<double>() == 0) return "";
  const auto reasons = gather_texts(mine.value_or(""), comm);
  size_t rank = 0;
  while (reasons[rank].empty()) ++rank;
  return reasons.size() == 1 ? reasons[rank] : fmt::format("rank {}: {}", rank, reasons[rank]);
}

}  // namespace semiseg
