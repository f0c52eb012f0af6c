// SPDX-License-Identifier: Apache-2.0
#include "framework/run/run.h"

#include <fmt/format.h>

#include <utility>

#include "framework/core/process.h"
#include "framework/record/progress.h"

namespace semiseg {

Run Run::assemble(const Config& config, World& world, Start start) {
  RunOptions options = RunOptions::read(config, world);
  RunData data = RunData::open(options);
  options.evaluation.check_classes(data.facts.info.classes);
  RunModel model = RunModel::build(options, data.facts, world, start);
  config.check_all_read();
  return {std::move(options), std::move(data), std::move(model)};
}

std::vector<EvaluationRow> Run::evaluate_split(Split split, bool distances,
                                               std::function<bool()> stop) const {
  EvaluatorOptions how = options.evaluation;
  how.distances = distances;
  // Validations select weights, so an absent class that is not predicted earns nothing, whatever
  // [evaluation] says.
  if (!distances) how.empty = EmptyPolicy::kIgnore;
  how.stop = std::move(stop);
  how.probabilities = [this](const Volume& volume) {
    return class_probabilities(volume.image, model.predictor(volume.task), model.inference);
  };
  const CasePredictor predict = [this](const Volume& volume) { return model.segment(volume); };
  // A validation within a training has the training's bar; only a whole evaluation shows its own.
  if (!distances || model.comm->rank() != 0)
    return evaluate(*data.source, split, predict, how, *model.comm);
  std::optional<Progress> progress;
  how.progress = [&](int64_t done, int64_t total) {
    if (!progress) {
      progress.emplace(fmt::format("evaluate {}", to_string(split)), "cases", total, 0,
                       steady_seconds());
    }
    progress->update(done, 1, steady_seconds());
  };
  std::vector<EvaluationRow> rows = evaluate(*data.source, split, predict, how, *model.comm);
  if (progress) progress->finish(steady_seconds());
  return rows;
}

std::optional<Split> Run::selection_split() const {
  const ProtocolOptions& protocol = options.protocol;
  const Split split = protocol.select == "test" ? Split::kTest : Split::kVal;
  const bool validates = protocol.select != "last" && protocol.validate_every > 0;
  if (!validates || !data.has_cases(split)) return std::nullopt;
  return split;
}

std::string Run::selection() const {
  const auto split = selection_split();
  return split ? to_string(*split) : "last";
}

}  // namespace semiseg
