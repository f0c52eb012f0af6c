// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/statistics/resampling.h"

#include <string>

#include "framework/core/random/draws.h"

namespace semiseg {

IndexTable draw_positions(std::string_view name, int64_t size, int64_t resamples) {
  IndexTable table{.resamples = resamples, .size = size};
  if (size == 0) return table;
  table.positions.reserve(static_cast<size_t>(resamples * size));
  DrawSequence numbers = Draws(0).sequence("bootstrap/" + std::string(name), size);
  for (int64_t i = 0; i < resamples * size; ++i)
    table.positions.push_back(static_cast<int32_t>(numbers.integer(0, size)));
  return table;
}

}  // namespace semiseg
