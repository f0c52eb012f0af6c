// SPDX-License-Identifier: Apache-2.0
// Uniform numbers of many blocks of words at once, vectorised over the blocks.
#pragma once

#include <cstdint>

namespace semiseg {

// out [4 · count], float32 in [0, 1): to_unit of the words of philox(key, sample, first + i).
void uniform_blocks(uint64_t key, uint64_t sample, uint64_t first, int64_t count, float* out);

}  // namespace semiseg
