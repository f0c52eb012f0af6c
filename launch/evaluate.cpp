// SPDX-License-Identifier: Apache-2.0
// semiseg evaluate RUN: measures the weights of a run on a split. With --predictions: label files.
#include <fmt/format.h>

#include <iostream>
#include <optional>

#include "framework/checkpoint/checkpoint.h"
#include "framework/comm/broadcast_state.h"
#include "framework/core/files.h"
#include "framework/record/cases_csv.h"
#include "launch/assemble.h"
#include "launch/evaluate_files.h"
#include "launch/evaluate_text.h"
#include "launch/flags.h"
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

// best.h5 holds the method alone, a numbered checkpoint the whole training.
StateMap method_part(const StateMap& state) {
  const std::string prefix = "method/";
  StateMap part;
  for (const auto& [name, value] : state) {
    if (name.starts_with(prefix)) part[name.substr(prefix.size())] = value;
  }
  return part.empty() ? state : part;
}

// Cases are shared out over the ranks; rank 0 reads the weights and writes the rows.
int measure(World& world, const std::filesystem::path& run, const std::string& split,
            const std::string& weights) {
  std::optional<Experiment> e;
  std::optional<StateMap> state;
  world.agree([&] {
    e = assemble(parse_config(read_file(run / "config.toml"), (run / "config.toml").string()),
                 world.comm());
    if (world.is_first()) state = load_checkpoint(run / "checkpoint" / (weights + ".h5"));
  });
  const StateMap method = method_part(*broadcast_state(std::move(state), world.comm()));
  world.agree([&] { put_state([&](StateVisitor& v) { e->method->state(v); }, method); });
  const std::vector<EvaluationRow> rows = e->evaluate_split(split_of(split));
  if (!world.is_first()) return 0;
  const auto path = run / ("cases." + split + ".csv");
  write_cases(path, {{.definition = e->evaluation.definition,
                      .unit = to_string(e->evaluation.unit),
                      .tolerance = fmt::format("{}", e->evaluation.tolerance),
                      .empty = to_string(e->evaluation.empty),
                      .split = split,
                      .selection = weights == "best" ? e->selection() : "last"},
                     rows});
  std::cout << means_table(summarise(rows), e->evaluation) << "rows: " << path.string() << '\n';
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
