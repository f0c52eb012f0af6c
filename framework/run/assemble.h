// SPDX-License-Identifier: Apache-2.0
// Builds an experiment from its configuration, in the order of the data flow.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "framework/checkpoint/initial_weights.h"
#include "framework/comm/communicator.h"
#include "framework/config/config.h"
#include "framework/core/random/draws.h"
#include "framework/data/batch_plan.h"
#include "framework/data/dataset.h"
#include "framework/data/loader.h"
#include "framework/data/setting.h"
#include "framework/data/transforms/transforms.h"
#include "framework/inference/segmenter.h"
#include "framework/methods/method.h"
#include "framework/metrics/evaluator.h"
#include "framework/record/run/run_folder.h"
#include "framework/run/world.h"
#include "framework/train/protocol.h"

namespace semiseg {

struct Experiment {
  Config config;
  RunFolderRequest folder;                               // how its folder is asked for
  std::optional<double> walltime;                        // seconds; none: as long as it takes
  std::string dataset_name, backbone_name, method_name;  // registered
  int64_t seed;
  Draws draws;
  at::Device device;
  bool cuda_graphs = false;
  Communicator* comm;
  CommOptions comm_options;
  std::unique_ptr<DatasetSource> source;  // null where only the network is needed
  DatasetInfo dataset;
  std::string setting_name;
  Pools pools;
  std::shared_ptr<SampleCache> samples;
  ProtocolOptions protocol;
  TransformOptions transform;
  Views views;
  LoaderOptions loader;
  InferenceOptions inference;
  EvaluatorOptions evaluation;
  std::shared_ptr<InitialWeights> initial_weights;
  std::unique_ptr<Method> method;
  // Names of the method's networks of the configured backbone.
  std::shared_ptr<std::vector<std::string>> networks = std::make_shared<std::vector<std::string>>();
  std::vector<std::string> domains = {""}, tasks = {""};

  // Throws kConfig when the samples do not suffice for the stage's batches.
  BatchPlan batch_plan(int64_t stage) const;
  std::unique_ptr<Loader> make_loader(int64_t stage, int64_t first_iteration) const;
  // Collective. Returns the rows of a split for the method's current predictor; `stop` is that of
  // EvaluatorOptions.
  std::vector<EvaluationRow> evaluate_split(Split split, bool distances = true,
                                            std::function<bool()> stop = {}) const;
  bool has_cases(Split split) const;
  at::ScalarType dtype() const;  // dtype of the arithmetic
  // Returns the split whose score selects the weights; nullopt when the data set lacks it or the
  // protocol takes the last ones.
  std::optional<Split> selection_split() const;
  // Returns what selected the weights: "val", "test" or "last".
  std::string selection() const;
  // Returns the function of the model that the method would deploy now; the experiment must outlive
  // it.
  ImagePredictor predictor() const;
  // Returns its label map of one volume.
  at::Tensor segment(const Volume& volume) const;
  // Returns a hash of the settings that can change a result, without the seed: it is equal for the
  // runs of a mean over seeds. 16 hexadecimal digits.
  std::string settings_hash() const;
};

// The source of the weights of the networks.
enum class Start {
  kFresh,       // their own initial weights, or those of backbone.weights
  kCheckpoint,  // a checkpoint is loaded next, so backbone.weights is not read
};

// Not collective, though every rank calls it: ranks agree on what failed afterwards. Throws kConfig
// when a key is left that no component reads; throws kData when backbone.weights cannot be read or
// does not fit. `world` outlives the experiment and has chosen its device.
Experiment assemble(const Config& config, World& world, Start start = Start::kCheckpoint);

// Builds only what prediction needs; load a checkpoint afterwards. The data set is not opened: its
// properties come from `dataset`. There are no source, budget, samples or loader. Keys are not
// checked, because training did that.
Experiment assemble_network(const Config& config, World& world, DatasetInfo dataset);

}  // namespace semiseg
