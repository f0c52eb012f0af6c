// SPDX-License-Identifier: Apache-2.0
// A run with its data opened and its model built: options → data → model, then what evaluation and
// training ask of all three.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "framework/metrics/evaluator.h"
#include "framework/run/run_data.h"
#include "framework/run/run_model.h"
#include "framework/run/run_options.h"

namespace semiseg {

struct Run {
  RunOptions options;
  RunData data;
  RunModel model;

  // Not collective, though every rank calls it: ranks agree on what failed afterwards. Throws
  // kConfig when a key is left that no component reads, and the errors of the parts. `world`
  // outlives the run and has chosen its device.
  static Run assemble(const Config& config, World& world, Start start);

  // Collective. Returns the rows of a split for the method's current predictor; `stop` is that of
  // EvaluatorOptions.
  std::vector<EvaluationRow> evaluate_split(Split split, bool distances = true,
                                            std::function<bool()> stop = {}) const;
  // Returns the split whose score selects the weights; nullopt when the data set lacks it or the
  // protocol takes the last ones.
  std::optional<Split> selection_split() const;
  // Returns what selected the weights: "val", "test" or "last".
  std::string selection() const;
};

}  // namespace semiseg
