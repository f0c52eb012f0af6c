// SPDX-License-Identifier: Apache-2.0
// The interface of a semi-supervised method, and its registry. The trainer knows nothing else of a
// method.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/config/config.h"
#include "framework/core/draws.h"
#include "framework/core/registry.h"
#include "framework/core/state.h"
#include "framework/data/batch.h"
#include "framework/nn/backbone.h"
#include "framework/nn/optimiser.h"

namespace semiseg {

// A stretch of training with its own batches.
struct Stage {
  std::string name;  // "train", "pretrain", "selftrain"
  int64_t iterations = 0;
  int64_t labelled = 0;      // samples of the global batch with ground truth
  int64_t unlabelled = 0;    // and without
  bool strong_view = false;  // Batch::image_strong wanted
  bool start_from_best =
      false;  // begin from the best-by-validation state of the stage before, not from its last
  // Slots of the global batch that the method combines with each other: they stay on one rank.
  // Empty: each alone.
  std::vector<std::vector<int64_t>> units;
};

struct Plan {
  std::vector<Stage> stages;
};

// One step as a method sees it. Its sums and minimise() are collective: all ranks call them in the
// same order.
class Step {
 public:
  virtual ~Step() = default;
  int64_t stage = 0;             // index into plan().stages
  int64_t iteration = 0;         // within the stage, from 0
  int64_t stage_iterations = 0;  // planned length of the stage
  const Draws* draws = nullptr;  // of this stage and iteration
  const Communicator* comm = nullptr;

  // Backward of a global loss (a scalar, equal on all ranks), gradient reduction, clipping,
  // non-finite guard (kNumeric, naming the first bad tensor), optimiser update at the scheduled
  // rate. Gradients of `optimiser`'s parameters are cleared before the backward, unless
  // accumulate() came first; those of others that the loss reached are dropped. A parameter that
  // the loss reaches on some ranks only counts as zeros on the others; one that it reaches nowhere
  // is not updated.
  virtual void minimise(Optimiser& optimiser, const at::Tensor& loss) = 0;

  // Backward of a part of the loss, whose gradients are kept on this rank; the next minimise() of
  // `optimiser` in this step adds those of its own loss and goes on with the total, as if it had
  // been given the sum of all parts. Frees each part's graph, so memory is that of the largest.
  virtual void accumulate(Optimiser& optimiser, const at::Tensor& loss) = 0;

  // A scalar for the records, already global. Kept as a tensor: no synchronisation in the step.
  virtual void record(std::string_view name, const at::Tensor& value) = 0;
  virtual void record(std::string_view name, double value) = 0;

  // A forward pass of this step: training mode, named draws of these samples.
  Pass train_pass(std::string name, SampleIds samples) const {
    return {NetworkMode::kTrain, comm, draws, std::move(name), std::move(samples)};
  }
};

// What is validated and deployed.
class Predictor {
 public:
  virtual ~Predictor() = default;
  // image [N,C,S] float → logits [N,K,S] of the deployed network, evaluation mode, no gradient.
  virtual at::Tensor predict(const at::Tensor& image) = 0;
  // The network whose logits these are; null when several make them together.
  virtual const Backbone* network() const { return nullptr; }
};

class Method {
 public:
  virtual ~Method() = default;
  virtual Plan plan() const = 0;
  // Before the first step of a stage, not on resume: e.g. teacher := student.
  virtual void begin_stage(int64_t stage) {}
  virtual void step(const Batch& batch, Step& step) = 0;
  virtual void after_step(Step& step) {}  // EMA, memories
  virtual Predictor& predictor() = 0;
  // Collective, before state() is shown to be saved: what each rank has of its own goes to all of
  // them. Changes nothing of what comes.
  virtual void settle(const Communicator& comm) {}
  virtual void state(StateVisitor& visitor) = 0;  // networks, optimisers, memories, counters: all,
                                                  // or it cannot resume
};

// What a method is built from.
struct MethodContext {
  Config options;          // section [method]
  NetworkShape shape;      // channels, classes, patch size
  int64_t iterations = 0;  // of the whole training, all stages together
  int64_t batch = 0,
          labelled = 0;  // samples of the global batch, and how many of them have ground truth
  OptimiserOptions optimiser;  // the protocol's; a method may override it for its own networks
  const Communicator* comm = nullptr;
  // The configured backbone; each name has initial weights of its own.
  std::function<std::unique_ptr<Backbone>(const std::string& net)> make_network;
  // Another registered backbone (a discriminator), options from section [method.<backbone>].
  std::function<std::unique_ptr<Backbone>(const std::string& backbone, const std::string& net,
                                          const NetworkShape&)>
      make_auxiliary;
};

struct MethodEntry {
  static const char* kind() { return "method"; }
  std::string name, summary;
  std::function<std::unique_ptr<Method>(const MethodContext& context)> make;
};
using MethodRegistry = Registry<MethodEntry>;

}  // namespace semiseg
