// SPDX-License-Identifier: Apache-2.0
// semiseg report RUN…: one run, or several side by side, as a page for the browser.
#include "framework/record/report/report.h"
#include "launch/command_line/flags.h"

#include <iostream>

#include "framework/core/process.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

// Each place must hold a run: a misspelt one is an error, not a gap in the page.
std::vector<FoundRun> runs_at(const std::vector<fs::path>& places) {
  for (const fs::path& place : places) find_runs({place});
  return find_runs(places);
}

}  // namespace

int run_report(const Arguments& arguments) {
  Flags flags(
      "report",
      "Writes one HTML page with curves, scores, worst cases, settings and provenance of runs. It "
      "needs no network and no data set.",
      "example: semiseg report runs/2026-01-31-bcp-cardiac_phantom-1a2b3c\n"
      "         semiseg report runs/*-bcp-* runs/*-transmedseg-* --output compared.html");
  std::vector<fs::path> places;
  fs::path output;
  bool force = false;
  flags.require("runs", places, "run folders, or folders above them");
  flags.add("--output", output,
            "write the page here; else RUN/report.html, and report.html in the working folder for "
            "several runs");
  flags.add("--force", force, "overwrite a file that is not a report");
  if (const auto code = flags.parse(arguments)) return *code;
  const std::vector<FoundRun> runs = runs_at(places);
  if (output.empty())
    output = (runs.size() == 1 ? runs.front().folder : fs::path(".")) / "report.html";
  write_report(output, report_page(runs, now_seconds()), force);
  std::cout << "report: " << output.lexically_normal().string() << '\n';
  return 0;
}

}  // namespace semiseg
