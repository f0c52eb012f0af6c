// SPDX-License-Identifier: Apache-2.0
#include "framework/train/stop_reasons.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <utility>

#include "framework/comm/broadcast.h"
#include "framework/train/stop_signal.h"

namespace semiseg {

std::optional<std::string> StopReasons::reason(double now, double longest_save) {
  const bool is_first = std::exchange(is_first_, false);
  if (asked_) walltime_.stepped(now - *asked_);
  asked_ = now;
  walltime_.saved(longest_save);
  if (const auto signal = stop_signal()) return signal;
  if (walltime_.is_due(now)) {
    const std::string left = fmt::format("walltime in {:.0f} s", *walltime_.seconds_left(now));
    if (!is_first) return left;
    return fmt::format(
        "{} at the first look, and {:.0f} s are kept to save: raise run.walltime or "
        "the time of the job",
        left, walltime_.margin());
  }
  if (request_ && request_->came(now)) return "semiseg train --stop";
  return std::nullopt;
}

void StopReasons::begin_evaluation() {
  walltime_.forget();
  is_first_ = false;
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
