// SPDX-License-Identifier: Apache-2.0
// The data of runs that the report shows, as JSON: only the content of their folders.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/record/tables/finished_runs.h"

namespace semiseg {

// Returns JSON in which files that a run does not have yet are null. Throws kData naming a file
// that cannot be parsed. The text may stand inside a <script>: it has no "<".
std::string report_data(const std::vector<FoundRun>& runs, int64_t now);

}  // namespace semiseg
