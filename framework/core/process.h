// SPDX-License-Identifier: Apache-2.0
// The surroundings of this process: its variables and clocks.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace semiseg {

// All variables of this process.
std::map<std::string, std::string> environment();

// Seconds since the epoch.
int64_t now_seconds();

// Seconds of the clock that does not jump, for durations.
double steady_seconds();

}  // namespace semiseg
