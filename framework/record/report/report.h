// SPDX-License-Identifier: Apache-2.0
// report.html: one page that holds all of it — data, pictures, plots, style — and loads nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/record/tables/finished_runs.h"

namespace semiseg {

// The page of these runs, whatever there is of each. kData naming a file of a run that cannot be
// understood.
std::string report_page(const std::vector<FoundRun>& runs, int64_t now);

// Atomic. Over an older report always, over any other file only with `force`; kConfig otherwise.
// kIo on failure.
void write_report(const std::filesystem::path& path, const std::string& page, bool force);

}  // namespace semiseg
