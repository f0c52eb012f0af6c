// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli, RFC 3720 B.4) of TFRecord files. Own code, because Debian 12 has no C++
// package of it and a table of 256 words is all that a few scalars a second need.
#pragma once

#include <cstdint>
#include <string_view>

namespace semiseg {

uint32_t crc32c(std::string_view bytes);

// Returns the checksum as TFRecord stores it: rotated right by 15 bits, plus a constant, so that a
// sum of data with sums stays valid.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace semiseg
