// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace semiseg {

inline constexpr int64_t kIgnoreLabel = 255;  // the pixel has no class

}  // namespace semiseg
