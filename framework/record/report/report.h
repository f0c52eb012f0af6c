// SPDX-License-Identifier: Apache-2.0
// report.html: one page that holds its data, pictures, plots and style, and loads nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "framework/record/tables/finished_runs.h"

namespace semiseg {

// More than the runs themselves say.
struct ReportHead {
  std::string title;    // empty: the name or the number of the runs
  std::string section;  // HTML that stands before everything else
};

// Returns the page of these runs, with whatever files each run has. Throws kData naming a file of a
// run that cannot be parsed.
std::string report_page(const std::vector<FoundRun>& runs, int64_t now,
                        const ReportHead& head = {});

// Returns the text for a place between tags or in the quotes of an attribute.
std::string html_text(std::string_view text);

// Writes atomically. Overwrites an older report always, any other file only with `force`;
// throws kConfig otherwise. Throws kIo on failure.
void write_report(const std::filesystem::path& path, const std::string& page, bool force);

// Returns the data of runs that the page shows: only the content of their folders, as JSON in which files that a run does not have yet are null. Throws kData naming a file
// that cannot be parsed. The text may stand inside a <script>: it has no "<".
std::string report_data(const std::vector<FoundRun>& runs, int64_t now);

}  // namespace semiseg
