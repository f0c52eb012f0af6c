// SPDX-License-Identifier: Apache-2.0
// semiseg table RUN…: compares finished runs.
#include <iostream>

#include "framework/core/files.h"
#include "framework/record/tables/finished_runs.h"
#include "framework/record/tables/results_table.h"
#include "framework/record/tables/results_text.h"
#include "launch/command_line/flags.h"

namespace semiseg {

int run_table(const Arguments& arguments) {
  Flags flags("table",
              "Compares runs: one row for each method, mean ± standard deviation over seeds.",
              "example: semiseg table runs\n         semiseg table runs/*-bcp-* --csv bcp.csv");
  std::vector<std::filesystem::path> places;
  std::string markdown, csv;
  flags.require("runs", places, "run folders, or folders above them");
  flags.add("--markdown", markdown, "write the table to this file too");
  flags.add("--csv", csv, "write all digits to this file");
  if (const auto code = flags.parse(arguments)) return *code;
  const ResultsTable table = make_results_table(find_runs(places));
  std::cout << to_markdown(table);
  if (!markdown.empty()) write_file(markdown, to_markdown(table));
  if (!csv.empty()) write_file(csv, to_csv(table));
  return 0;
}

}  // namespace semiseg
