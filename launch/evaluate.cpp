// SPDX-License-Identifier: Apache-2.0
// semiseg evaluate RUN: measures the weights of a run on a split. With --predictions: label files.
#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "framework/config/compose.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/run/run_state.h"
#include "framework/record/tables/cases_csv.h"
#include "framework/record/tables/evaluate_text.h"
#include "framework/run/load_run.h"
#include "framework/run/run_options.h"
#include "framework/run/world.h"
#include "launch/command_line/flags.h"
#include "launch/evaluate/definitions.h"
#include "launch/evaluate/label_files.h"

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

// Returns the split on which these weights were selected, as far as the run records it.
std::string selection_of(const Run& run, const std::filesystem::path& folder,
                         const std::string& weights) {
  if (weights != "best") return "chosen by hand";
  const auto state = read_run_state(folder);
  return state && state->message.starts_with(kImportedMessage) ? "unknown (imported)"
                                                               : run.selection();
}

// Returns the options of the evaluation: those of the run, or other values of options that cannot
// change the weights. Throws kConfig for any other option.
EvaluatorOptions measurement(const RunOptions& trained, const std::filesystem::path& folder,
                             const std::vector<std::string>& overrides) {
  if (overrides.empty()) return trained.evaluation;
  const Config config = compose({.search = {folder},
                                 .name = std::filesystem::path(kRunConfigFile).stem(),
                                 .overrides = overrides});
  read_all_options(config);
  config.check_all_read();
  if (config.identity() != trained.config.identity()) {
    throw Error(ErrorKind::kConfig,
                {.what = "these settings make another run",
                 .where = folder.string(),
                 .expected = "options that only change how a run is measured: [evaluation]",
                 .got = fmt::format("{}", fmt::join(overrides, " ")),
                 .fix = "semiseg train with these settings"});
  }
  return EvaluatorOptions::read(config.section("evaluation"));
}

// Takes what no flag sets as the run has it.
void choose(const EvaluateFiles& asked, EvaluatorOptions& options) {
  asked.choose(options);
  if (asked.spacing.empty()) return;
  if (asked.spacing != "file" && asked.spacing != "voxel") {
    throw Error(ErrorKind::kConfig, {.what = "a run takes the spacing of its data set",
                                     .where = "--spacing",
                                     .expected = "file (mm) or voxel",
                                     .got = asked.spacing});
  }
  options.unit = asked.spacing == "file" ? DistanceUnit::kMillimetre : DistanceUnit::kVoxel;
}

// Collective. Returns the means as several packages define them. Each case is predicted once; the
// label maps of this rank's cases are held meanwhile, one byte a voxel.
std::vector<DefinedMeans> measure_definitions(const Run& run, Split split, EvaluatorOptions how,
                                              const std::vector<std::string>& definitions) {
  std::vector<at::Tensor> maps;
  size_t next = 0;
  const CasePredictor predict = [&](const Volume& volume) {
    if (next == maps.size()) maps.push_back(run.model.segment(volume));
    return maps[next++];
  };
  std::vector<DefinedMeans> all;
  for (const std::string& name : definitions) {
    next = 0;  // the evaluator takes its cases in the same order each time
    how.definition = name;
    all.push_back(
        {name, summarise(evaluate(*run.data.source, split, predict, how, *run.model.comm))});
  }
  return all;
}

// Cases are shared out over the ranks; rank 0 reads the weights and writes the rows.
int measure(World& world, const std::filesystem::path& folder, const std::string& split,
            const std::string& weights, const EvaluateFiles& asked,
            const std::vector<std::string>& overrides) {
  Run run = load_run(world, folder, weights);
  EvaluatorOptions& how = run.options.evaluation;
  std::vector<std::string> definitions;
  world.agree([&] {
    how = measurement(run.options, folder, overrides);
    choose(asked, how);
    how.check_classes(run.data.facts.info.classes);
    if (!asked.definitions.empty())
      definitions = chosen_definitions(asked.definitions, asked.definition, how);
  });
  if (!definitions.empty()) {
    const auto all = measure_definitions(run, split_of(split), how, definitions);
    const auto path =
        asked.output.empty() ? folder / ("definitions." + split + ".json") : asked.output;
    if (world.is_first()) report_definitions(all, how, split, path, asked.as_json);
    return 0;
  }
  const std::vector<EvaluationRow> rows = run.evaluate_split(split_of(split));
  if (!world.is_first()) return 0;
  // The table is printed before a full disk can refuse the rows.
  const EvaluationSummary means = summarise(rows);
  std::cout << (asked.as_json ? definitions_json({{how.definition, means}}, how, split)
                              : means_table(means, how))
            << std::flush;
  const auto path = asked.output.empty() ? folder / ("cases." + split + ".csv") : asked.output;
  write_cases(path, {{.definition = how.definition,
                      .unit = to_string(how.unit),
                      .tolerance = how.tolerance_text(),
                      .empty = to_string(how.empty),
                      .split = split,
                      .selection = selection_of(run, folder, weights)},
                     rows});
  if (!asked.as_json) std::cout << "rows: " << path.string() << '\n';
  return 0;
}

}  // namespace

int run_evaluate(const Arguments& arguments) {
  Flags flags(
      "evaluate",
      "Measures the weights of a run on a split of its data set; rows go to RUN/cases.SPLIT.csv. "
      "Or measures label files, without a run.",
      "example: semiseg evaluate runs/2026-01-31-bcp-cardiac_phantom-1a2b3c --split val\n"
      "         semiseg evaluate runs/2026-01-31-bcp-cardiac_phantom-1a2b3c evaluation.unit=mm\n"
      "         semiseg evaluate --predictions out --references labels --classes rv,myo,lv\n"
      "         semiseg evaluate --predictions out --references labels --definitions all");
  std::filesystem::path run;
  std::string split = "test", weights = "best";
  std::vector<std::string> overrides;
  EvaluateFiles files;
  flags.add("run", run, "run folder");
  flags.add("overrides", overrides,
            "options of how the run is measured, such as evaluation.definition=monai");
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

  if (!files.is_asked()) {
    files.refuse_for_run();
    const bool is_there = !files.output.empty() && std::filesystem::exists(files.output);
    if (is_there && !files.force) {
      throw Error(ErrorKind::kConfig, {.what = "the file of rows exists already",
                                       .where = files.output.string(),
                                       .fix = "--force replaces it, --output names another"});
    }
  } else if (split != "test" || weights != "best") {
    throw Error(ErrorKind::kConfig, {.what = "label files have neither split nor weights",
                                     .where = split != "test" ? "--split" : "--weights",
                                     .expected = "a run folder with it"});
  }

  World world;
  return world.run([&] {
    if (files.is_asked()) return world.is_first() ? files.run() : 0;
    return measure(world, run, split, weights, files, overrides);
  });
}

}  // namespace semiseg
