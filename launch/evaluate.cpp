// SPDX-License-Identifier: Apache-2.0
// semiseg evaluate RUN: measures the weights of a run on a split.
#include <fmt/format.h>

#include <iostream>

#include "framework/record/cases_csv.h"
#include "launch/command_line.h"
#include "launch/finish_run.h"
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

void print(const EvaluationSummary& metrics, const EvaluatorOptions& options) {
  std::cout << fmt::format("{:<20}{:>8}{:>9}{:>8}{:>8}   distances in {}\n", "class", "Dice",
                           "Jaccard", "HD95", "ASD", to_string(options.unit));
  const auto line = [](const std::string& name, const EvaluationMeans& m) {
    std::cout << fmt::format(
        "{:<20}{:>8}{:>9}{:>8}{:>8}   {} missed, {} false positive, {} both empty\n", name,
        mean_text(m.dice, 100), mean_text(m.jaccard, 100), mean_text(m.hd95), mean_text(m.asd),
        m.missed, m.false_positive, m.both_empty);
  };
  for (size_t k = 0; k < metrics.class_names.size(); ++k)
    line(metrics.class_names[k], metrics.classes[k]);
  line("mean", metrics.overall);
}

// Cases are shared out over the ranks; rank 0 reads the weights and writes the rows.
int measure(World& world, const std::filesystem::path& run, const std::string& split,
            const std::string& weights) {
  const Experiment e = load_run(world, run, weights);
  const std::vector<EvaluationRow> rows = e.evaluate_split(split_of(split));
  if (!world.is_first()) return 0;
  const auto path = run / ("cases." + split + ".csv");
  write_cases(path, {{.definition = e.evaluation.definition,
                      .unit = to_string(e.evaluation.unit),
                      .empty = to_string(e.evaluation.empty),
                      .split = split,
                      .selection = weights == "best" ? e.selection() : "last"},
                     rows});
  print(summarise(rows), e.evaluation);
  std::cout << "rows: " << path.string() << '\n';
  return 0;
}

}  // namespace

int run_evaluate(const Arguments& arguments) {
  CLI::App app(
      "Measures the weights of a run on a split of its data set; rows go to RUN/cases.SPLIT.csv.",
      "evaluate");
  app.footer("example: semiseg evaluate runs/2026-01-31-bcp-phantom-1a2b3c --split val");
  std::filesystem::path run;
  std::string split = "test", weights = "best";
  app.add_option("run", run, "run folder")->required();
  app.add_option("--split", split, "train, val or test")->capture_default_str();
  app.add_option("--weights", weights, "best, or a checkpoint's number such as 000800")
      ->capture_default_str();
  if (const auto code = parse_flags(app, arguments)) return *code;

  World world;
  return world.run([&] { return measure(world, run, split, weights); });
}

}  // namespace semiseg
