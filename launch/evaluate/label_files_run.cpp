// SPDX-License-Identifier: Apache-2.0
// The verb on label files: the checks before, the rows or the definitions, and the failures.
#include <fmt/format.h>

#include <iostream>
#include <utility>

#include "framework/core/error.h"
#include "framework/record/tables/cases_csv.h"
#include "framework/record/tables/evaluate_text.h"
#include "launch/evaluate/definitions.h"
#include "launch/evaluate/label_files.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

void print_failures(const std::vector<std::string>& failures, size_t measured) {
  std::cerr << fmt::format("{} of {} cases failed:\n", failures.size(), failures.size() + measured);
  for (const std::string& failure : failures) std::cerr << "- " << failure << '\n';
}

void check(const EvaluateFiles& asked, const fs::path& output) {
  if (asked.predictions.empty() || asked.references.empty()) {
    throw Error(ErrorKind::kConfig, {.what = "label files need --predictions and --references",
                                     .fix = "semiseg evaluate --help"});
  }
  if (fs::exists(output) && !asked.force) {
    throw Error(ErrorKind::kConfig, {.what = "the file of rows exists already",
                                     .where = output.string(),
                                     .fix = "--force replaces it, --output names another"});
  }
  std::error_code unknown;
  if (fs::equivalent(asked.predictions, asked.references, unknown)) {
    throw Error(ErrorKind::kConfig, {.what = "predictions and references are the same folder",
                                     .where = asked.predictions.string(),
                                     .fix = "name the folder of each"});
  }
}

void check_measured(const EvaluateFiles& asked, const MeasuredFiles& measured) {
  if (!measured.rows.empty()) return;
  print_failures(measured.failures, 0);
  throw Error(ErrorKind::kData, {.what = "no file with labels could be measured",
                                 .where = asked.references.string()});
}

int finish(const MeasuredFiles& measured, size_t cases, bool as_json) {
  const std::vector<std::string>& extra = measured.extra;
  if (!extra.empty()) {
    (as_json ? std::cerr : std::cout)
        << fmt::format("note: {} predictions have no reference and are not measured: {}{}\n",
                       extra.size(), extra.front(), extra.size() > 1 ? ", …" : "");
  }
  if (measured.failures.empty()) return 0;
  print_failures(measured.failures, cases);
  return exit_code(ErrorKind::kData);
}

int run_definitions(const EvaluateFiles& asked, const fs::path& output) {
  EvaluatorOptions options;
  EvaluateFiles one = asked;
  one.choose(options);
  std::vector<DefinedMeans> all;
  MeasuredFiles measured;
  for (const std::string& name : chosen_definitions(asked.definitions, asked.definition, options)) {
    one.definition = name;
    measured = one.measure();
    check_measured(asked, measured);
    all.push_back({name, summarise(measured.rows)});
  }
  report_definitions(all, measured.options, "", output, asked.as_json);
  return finish(measured, static_cast<size_t>(all.front().metrics.cases), asked.as_json);
}

}  // namespace

int EvaluateFiles::run() const {
  if (!classes.empty() && classes.front() == "background") {  // as convert has it
    EvaluateFiles foreground = *this;
    foreground.classes.erase(foreground.classes.begin());
    return foreground.run();
  }
  const bool is_several = !definitions.empty();
  const fs::path standard = is_several ? "definitions.json" : "cases.csv";
  const fs::path output = this->output.empty() ? standard : this->output;
  check(*this, output);
  if (is_several) return run_definitions(*this, output);
  const MeasuredFiles measured = measure();
  check_measured(*this, measured);
  write_cases(output, {{.definition = measured.options.definition,
                        .unit = to_string(measured.options.unit),
                        .tolerance = measured.options.tolerance_text(),
                        .empty = to_string(measured.options.empty),
                        .split = "files",
                        .selection = ""},
                       measured.rows});
  const EvaluationSummary summary = summarise(measured.rows);
  if (as_json) {
    std::cout << definitions_json({{measured.options.definition, summary}}, measured.options, "");
  } else {
    std::cout << means_table(summary, measured.options) << "rows: " << output.string() << '\n';
  }
  return finish(measured, static_cast<size_t>(summary.cases), as_json);
}

}  // namespace semiseg
