// SPDX-License-Identifier: Apache-2.0
// Times as text, always UTC. The time itself is an argument everywhere: seconds since the epoch.
#pragma once

#include <cstdint>
#include <string>

namespace semiseg {

std::string iso_time(int64_t now);  // "2025-03-01T14:05:09Z"
std::string iso_date(int64_t now);  // "2025-03-01"

}  // namespace semiseg
