// SPDX-License-Identifier: Apache-2.0
// semiseg table RUN…: compares finished runs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/record/shown_text.h"
#include "framework/record/statistics/benchmark.h"
#include "framework/record/statistics/full_text.h"
#include "framework/record/statistics/latex_text.h"
#include "framework/record/statistics/table_data.h"
#include "framework/record/statistics/verify_summary.h"
#include "framework/record/tables/results_text.h"
#include "launch/command_line/compose_flags.h"

namespace semiseg {
namespace {

// Returns the exit code.
int verify(const std::vector<FoundRun>& runs) {
  int64_t equal = 0, differing = 0;
  for (const FoundRun& run : runs) {
    std::vector<std::string> found;
    try {
      if (run.summary) {
        found = verify_summary(run.folder);
      } else {
        found = {run.unfinished};
      }
    } catch (const Error& error) {
      found = {one_line(error.what())};
    }
    (found.empty() ? equal : differing) += 1;
    const std::string file = (run.folder / "summary.json").string();
    for (const std::string& text : found) std::cout << fmt::format("{}: {}\n", file, text);
  }
  std::cout << fmt::format("{} summaries follow from their cases.csv, {} do not\n", equal,
                           differing);
  return differing > 0 ? 1 : 0;
}

// Finds experiments/benchmark/NAME.toml; throws kConfig with the names that there are.
std::filesystem::path benchmark_file(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& folder : experiment_folders({})) {
    std::error_code absent;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "benchmark", absent)) {
      if (entry.path().stem() == name) return entry.path();
      known.push_back(entry.path().stem());
    }
  }
  throw Error(ErrorKind::kConfig, {.what = "there is no such benchmark",
                                   .where = "--benchmark",
                                   .expected = fmt::format("{}", fmt::join(known, ", ")),
                                   .got = name});
}

std::string missing_text(const std::string& name, const std::vector<std::string>& missing) {
  std::string text = fmt::format("\nRuns of the benchmark {} that are missing:\n\n", name);
  for (const std::string& line : missing) text += fmt::format("- {}\n", line);
  return text + (missing.empty() ? "- none\n" : "");
}

struct Outputs {
  std::string markdown, csv, latex;
  bool json = false;
  std::string more;  // Markdown after the table
};

void write_all(const Outputs& outputs, const StatisticsTable& table, bool full,
               const std::vector<PublishedResult>& published) {
  std::string text = to_markdown(table, published);
  if (full) text += to_full_markdown(table);
  text += outputs.more;
  std::cout << (outputs.json ? to_json(table) : text);
  if (!outputs.markdown.empty()) write_file(outputs.markdown, text);
  if (!outputs.csv.empty()) write_file(outputs.csv, to_csv(table));
  if (!outputs.latex.empty()) write_file(outputs.latex, to_latex(table, published));
}

}  // namespace

int run_table(const Arguments& arguments) {
  Flags flags(
      "table",
      "Compares runs: one row for each experiment, with means over patients, intervals, and "
      "whether it can be told from its reference.",
      "example: semiseg table runs\n"
      "         semiseg table runs --full --against bcp --csv table.csv\n"
      "         semiseg table runs --verify");
  std::vector<std::filesystem::path> places;
  std::vector<std::filesystem::path> published_files;
  TableRequest request;
  Outputs outputs;
  std::string benchmark;
  bool is_verification = false;
  flags.require("runs", places, "run folders, or folders above them");
  flags.add("--full", request.full,
            "every column of every metric: both spreads, tests, ranks, labels and cost");
  flags.add("--against", request.against,
            "row that the others are compared with, as the table names it; without it the "
            "supervised one of as many labels, and the base of a method that has one");
  flags.add("--metric", request.metric, "metric that differences and verdicts are about");
  flags.choose("--per", request.per, {"class", "domain", "task"},
               "the same for each class, each domain of the cases or each task of a collection");
  flags.add("--published", published_files,
            "TOML file of published rows, which stand apart and are never ranked");
  flags.add("--benchmark", benchmark,
            "a file of experiments/benchmark: its published rows stand beside ours, and the runs "
            "that are missing are named");
  flags.add("--markdown", outputs.markdown, "write the table to this file too");
  flags.add("--csv", outputs.csv, "write every number, with all digits, to this file");
  flags.add("--latex", outputs.latex, "write the table for a paper to this file (booktabs)");
  flags.add("--json", outputs.json, "print every number as JSON instead of the table");
  flags.add(
      "--verify", is_verification,
      "recompute every summary.json from its cases.csv instead; exit code 1 when one differs");
  if (const auto code = flags.parse(arguments)) return *code;
  const std::vector<FoundRun> runs = find_runs(places);
  if (is_verification) return verify(runs);
  std::vector<PublishedResult> published;
  for (const auto& file : published_files) {
    for (PublishedResult& row : read_published(file)) published.push_back(std::move(row));
  }
  const StatisticsTable table = make_statistics_table(runs, request);
  if (!benchmark.empty()) {
    const BenchmarkPlan asked = read_benchmark(benchmark_file(benchmark));
    published.insert(published.end(), asked.published.begin(), asked.published.end());
    outputs.more = missing_text(benchmark, missing_runs(asked, table));
  }
  write_all(outputs, table, request.full, published);
  return 0;
}

}  // namespace semiseg
