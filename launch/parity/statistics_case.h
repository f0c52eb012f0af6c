// SPDX-License-Identifier: Apache-2.0
// Recorded answers of SciPy in JSON (tests/fixtures/statistics/README.md) as a parity case.
#pragma once

#include <filesystem>

#include "launch/parity/parity_case.h"

namespace semiseg {

// True for a JSON file with the rows of such a case; false for any other file.
bool is_statistics_case(const std::filesystem::path& path);

// Returns the case with inputs `in.…` and results `out.…`, one for each number of the file. Throws
// kData naming the file and its error.
ParityCase load_statistics_case(const std::filesystem::path& path);

}  // namespace semiseg
