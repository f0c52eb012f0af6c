// SPDX-License-Identifier: Apache-2.0
// Bootstrap resamples as tables of positions, so that several rows share one resample and a
// recorded table can stand in for the draws.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace semiseg {

constexpr int64_t kResamples = 10000;

struct IndexTable {
  int64_t resamples = 0, size = 0;  // size: positions of one resample, and values they choose from
  std::vector<int32_t> positions;   // [resamples, size], each in 0 … size - 1

  std::span<const int32_t> row(int64_t resample) const {
    return {positions.data() + resample * size, static_cast<size_t>(size)};
  }
};

// Positions with replacement. They depend on the name ("patients", "runs") and the size only, so
// the same tables come out on every machine and in every call.
IndexTable draw_positions(std::string_view name, int64_t size, int64_t resamples = kResamples);

}  // namespace semiseg
