// SPDX-License-Identifier: Apache-2.0
// What the report shows of runs, as JSON for the page: only what stands in their folders.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/record/tables/finished_runs.h"

namespace semiseg {

// Files that a run does not have yet are null. kData naming a file that cannot be understood. The
// text may stand inside a <script>: it has no "<".
std::string report_data(const std::vector<FoundRun>& runs, int64_t now);

}  // namespace semiseg
