// SPDX-License-Identifier: Apache-2.0
// The whole thing from its configuration, in the order of the data flow.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "framework/comm/communicator.h"
#include "framework/config/config.h"
#include "framework/core/random/draws.h"
#include "framework/data/batch_plan.h"
#include "framework/data/dataset.h"
#include "framework/data/loader.h"
#include "framework/data/setting.h"
#include "framework/data/transforms/transforms.h"
#include "framework/metrics/evaluator.h"
#include "framework/inference/segmenter.h"
#include "framework/methods/method.h"
#include "framework/record/run/run_folder.h"
#include "framework/train/protocol.h"
#include "framework/checkpoint/initial_weights.h"
#include "framework/run/world.h"

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
  std::unique_ptr<DatasetSource> source;  // none where only the network is needed
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

  // kConfig when the samples do not suffice for the stage's batches.
  BatchPlan batch_plan(int64_t stage) const;
  std::unique_ptr<Loader> make_loader(int64_t stage, int64_t first_iteration) const;
  // Collective. Rows of a split with the method's present predictor; `stop` as EvaluatorOptions has
  // it.
  std::vector<EvaluationRow> evaluate_split(Split split, bool distances = true,
                                            std::function<bool()> stop = {}) const;
  bool has_cases(Split split) const;
  at::ScalarType dtype() const;  // of the arithmetic
  // The split whose score picks the weights; none when the data set lacks it or the protocol takes
  // the last ones.
  std::optional<Split> selection_split() const;
  // What picked the weights: "val", "test" or "last".
  std::string selection() const;
  // The network that the method would deploy now; the experiment must outlive it.
  ImagePredictor predictor() const;
  // Label map of one volume by it.
  at::Tensor segment(const Volume& volume) const;
  // Of the configuration without what never changes a result and without the seed: equal for the
  // runs that a mean over seeds is made of. 16 hexadecimal digits.
  std::string settings_hash() const;
};

// What the networks hold in the end.
enum class Start {
  kFresh,       // their own initial weights, or those of backbone.weights
  kCheckpoint,  // a checkpoint follows: the file of backbone.weights need not be there any more
};

// Not collective, though every rank calls it: ranks agree on what failed afterwards. kConfig when a
// key is left that nobody reads; kData when backbone.weights cannot be read or does not fit.
// `world` outlives the experiment and has chosen its device.
Experiment assemble(const Config& config, World& world, Start start = Start::kCheckpoint);

// What predicts, for a checkpoint that follows: no data set is opened, `dataset` speaks for it.
// There is no source, budget, sample or loader; keys are not checked, training did that.
Experiment assemble_network(const Config& config, World& world, DatasetInfo dataset);

}  // namespace semiseg
