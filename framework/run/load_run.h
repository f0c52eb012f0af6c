// SPDX-License-Identifier: Apache-2.0
// A finished or stopped run, with its method as it was saved.
#pragma once

#include <filesystem>
#include <string>

#include "framework/core/state.h"
#include "framework/run/run.h"
#include "framework/run/world.h"

namespace semiseg {

// Collective. Returns the run of the folder's config.toml; rank 0 reads FOLDER/checkpoint/
// `weights`.h5 ("000800") for all; "best": the selected weights, or the last ones of a run that
// selects none; of a run that is not done the best so far, of an earlier stage where the present
// one has none yet. Throws kConfig, kData or kIo when something is missing, damaged or does not
// fit.
Run load_run(World& world, const std::filesystem::path& folder, const std::string& weights);

// The parts of a run that predict images.
struct LoadedModel {
  RunOptions options;
  DatasetInfo dataset;
  RunModel model;
};

// Returns the same for verbs that need no case: the data set is not opened, and need not exist,
// where the run folder holds its dataset.json.
LoadedModel load_model(World& world, const std::filesystem::path& folder,
                       const std::string& weights);

// Returns the method's part of a state: best.h5 holds it alone, a numbered checkpoint the whole
// training.
StateMap method_part(const StateMap& state);

// Returns the steps after which the selected weights of a training's state were saved; 0: it has
// selected none.
int64_t steps_of_best(const StateMap& state);

}  // namespace semiseg
