// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/bit_grid.h"

#include <algorithm>
#include <cstring>

namespace semiseg {
namespace {

static_assert(std::endian::native == std::endian::little, "byte i of a word is voxel i");

// Bit i says whether byte i of the word is zero.
uint64_t zero_bytes(uint64_t word) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7f, kGather = 0x0002040810204081;
  const uint64_t high_bits = ~(((word & kLow) + kLow) | word | kLow);
  return (high_bits * kGather) >> 56;
}

uint64_t pack(const uint8_t* labels, int64_t count, uint8_t label) {
  const uint64_t pattern = label * uint64_t{0x0101010101010101};
  uint64_t bits = 0;
  int64_t x = 0;
  for (; x + 8 <= count; x += 8) {
    uint64_t word;
    std::memcpy(&word, labels + x, 8);
    bits |= zero_bytes(word ^ pattern) << x;
  }
  for (; x < count; ++x) bits |= uint64_t{labels[x] == label} << x;
  return bits;
}

}  // namespace

void set_plane(BitGrid& mask, const uint8_t* labels, const Index3& map_size, const Index3& begin,
               uint8_t label, int64_t z) {
  const auto& [depth, height, width] = mask.size();
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* from =
        labels + ((begin[0] + z) * map_size[1] + begin[1] + y) * map_size[2] + begin[2];
    uint64_t* row = mask.row(z, y);
    for (int64_t w = 0; w < mask.words(); ++w) {
      row[w] = pack(from + 64 * w, std::min<int64_t>(64, width - 64 * w), label);
    }
  }
}

}  // namespace semiseg
