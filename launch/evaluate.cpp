// SPDX-License-Identifier: Apache-2.0
// semiseg evaluate RUN: measures the weights of a run on a split. With --predictions: label files.
#include <fmt/format.h>

#include <iostream>

#include "framework/record/cases_csv.h"
#include "framework/record/run_state.h"
#include "launch/evaluate_files.h"
#include "launch/evaluate_text.h"
#include "launch/flags.h"
#include "launch/load_run.h"
#include "launch/world.h"

namespace semiseg {
namespace {

Split split_of(const std::string& name) {
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    if (name == to_string(split)) return split;
  }
  throw Error(ErrorKind::kConfig, {.what = "unknown split '" + name + "'",
                                   .where = "--split",
                                   .expected = "train, val or test"});
}

// On which split these weights were chosen, as far as the run knows.
std::string selection_of(const Experiment& e, const std::filesystem::path& run,
                         const std::string& weights) {
  if (weights != "best") return "chosen by hand";
  const auto state = read_run_state(run);
  return state && state->message.starts_with(kImportedMessage) ? "unknown (imported)"
                                                               : e.selection();
}

// Cases are shared out over the ranks; rank 0 reads the weights and writes the rows.
int measure(World& world, const std::filesystem::path& run, const std::string& split,
            const std::string& weights) {
  const Experiment e = load_run(world, run, weights);
  const std::vector<EvaluationRow> rows = e.evaluate_split(split_of(split));
  if (!world.is_first()) return 0;
  std::cout << means_table(summarise(rows), e.evaluation) << std::flush;
  const auto path = run / ("cases." + split + ".csv");
  write_cases(path, {{.definition = e.evaluation.definition,
                      .unit = to_string(e.evaluation.unit),
                      .tolerance = fmt::format("{}", e.evaluation.tolerance),
                      .empty = to_string(e.evaluation.empty),
                      .split = split,
                      .selection = selection_of(e, run, weights)},
                     rows});
  std::cout << "rows: " << path.string() << '\n';
  return 0;
}

}  // namespace

int run_evaluate(const Arguments& arguments) {
  Flags flags(
      "evaluate",
      "Measures the weights of a run on a split of its data set; rows go to RUN/cases.SPLIT.csv. "
      "Or measures label files, without a run.",
      "example: semiseg evaluate runs/2026-01-31-bcp-phantom-1a2b3c --split val\n"
      "         semiseg evaluate --predictions out --references labels --classes rv,myo,lv");
  std::filesystem::path run;
  std::string split = "test", weights = "best";
  EvaluateFiles files;
  flags.add("run", run, "run folder");
  flags.add("--split", split, "train, val or test");
  flags.add("--weights", weights, "best, or a checkpoint's number such as 000800");
  files.add_to(flags);
  if (const auto code = flags.parse(arguments)) return *code;
  if (files.is_asked() != run.empty()) {
    throw Error(ErrorKind::kConfig,
                {.what = run.empty() ? "nothing to evaluate" : "a run and label files at once",
                 .expected = "a run folder, or --predictions and --references",
                 .fix = "semiseg evaluate --help"});
  }

  World world;
  return world.run([&] {
    if (files.is_asked()) return world.is_first() ? files.run() : 0;
    return measure(world, run, split, weights);
  });
}

}  // namespace semiseg
