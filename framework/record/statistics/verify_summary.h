// SPDX-License-Identifier: Apache-2.0
// Recomputes the numbers of a run's summary.json from its cases.csv.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace semiseg {

// Returns a sentence for each value of summary.json that is not the one that follows from cases.csv
// (means, counts, conventions) or stands in config.toml (seed, method, backbone): its path, the
// value and the expected one. Numbers must be equal to the last bit, because cases.csv has all
// digits. Throws kData when either file is missing or damaged.
std::vector<std::string> verify_summary(const std::filesystem::path& run);

}  // namespace semiseg
