// SPDX-License-Identifier: Apache-2.0
// The surroundings of this process: its variables, clocks and threads.
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

// Makes every later at:: operation of the calling thread run on that thread alone: background threads
// (loader, checkpoint writer) keep off the intra-op threads, which belong to the training.
void run_operations_in_this_thread();

}  // namespace semiseg
