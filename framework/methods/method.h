// SPDX-License-Identifier: Apache-2.0
// The interface of a semi-supervised method, and its registry. The trainer uses a method only
// through it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/config/config.h"
#include "framework/core/plugins/registry.h"
#include "framework/core/random/draws.h"
#include "framework/core/state.h"
#include "framework/data/batch.h"
#include "framework/nn/backbone.h"
#include "framework/nn/network_maker.h"
#include "framework/nn/optimiser.h"

namespace semiseg {

// A stretch of training with its own batches.
struct Stage {
  std::string name;  // "train", "pretrain", "selftrain"
  int64_t iterations = 0;
  // The streams fill the slots of the global batch in this order.
  std::vector<StreamPlan> streams;
  // The stage begins from the best-by-validation state of the stage before, not from its last.
  bool start_from_best = false;
  // Slots of the global batch that the method combines with each other: they stay on one rank.
  // Empty: no slot is tied to another.
  std::vector<std::vector<int64_t>> colocated;
};

struct Plan {
  std::vector<Stage> stages;
};

// The interface of one training step for a method. Its sums and minimise() are collective: all
// ranks call them in the same order.
class Step {
 public:
  virtual ~Step() = default;
  int64_t stage = 0;             // index into plan().stages
  int64_t iteration = 0;         // within the stage, from 0
  int64_t stage_iterations = 0;  // planned length of the stage
  const Draws* draws = nullptr;  // draws of this stage and iteration
  const Communicator* comm = nullptr;

  // Runs the backward of a global loss (a scalar, equal on all ranks), gradient reduction,
  // clipping, the non-finite guard (throws kNumeric naming the first bad tensor) and the optimiser
  // update at the scheduled rate. Gradients of `optimiser`'s parameters are cleared before the
  // backward, unless accumulate() came first; those of others that the loss reached are dropped. A
  // parameter that the loss reaches on some ranks only counts as zeros on the others; one that it
  // reaches nowhere is not updated.
  virtual void minimise(Optimiser& optimiser, const at::Tensor& loss) = 0;

  // Runs the backward of a part of the loss and keeps its gradients on this rank; the next
  // minimise() of `optimiser` in this step adds those of its own loss and continues with the total,
  // as if its loss were the sum of all parts. Frees each part's graph, so memory is that of the
  // largest.
  virtual void accumulate(Optimiser& optimiser, const at::Tensor& loss) = 0;

  // Returns the gradients of `loss` for `inputs` (leaves that require gradients, of this rank's
  // samples), for adversarial perturbations and inner optimisation. Nothing is reduced, no
  // parameter's gradient changes, and the graph of `loss` is kept.
  virtual std::vector<at::Tensor> gradients(const at::Tensor& loss,
                                            const std::vector<at::Tensor>& inputs) = 0;

  // Records a scalar, which is already global. It stays a tensor, so that the step does not
  // synchronise.
  virtual void record(std::string_view name, const at::Tensor& value) = 0;
  virtual void record(std::string_view name, double value) = 0;

  // Returns the settings of a forward pass of this step: training mode, named draws of these
  // samples.
  Pass train_pass(std::string name, SampleIds samples) const {
    return {NetworkMode::kTrain, comm, draws, std::move(name), std::move(samples)};
  }
};

// The model that is validated and deployed.
class Predictor {
 public:
  virtual ~Predictor() = default;
  // image [N,C,S] float → logits [N,K,S] of the deployed network, evaluation mode, no gradient.
  virtual at::Tensor predict(const at::Tensor& image) = 0;
  // The same where the images are known to be of a task, an index into MethodContext::tasks.
  virtual at::Tensor predict_task(const at::Tensor& image, int64_t) { return predict(image); }
  // Returns the network whose logits these are; null when several networks make them.
  virtual const Backbone* network() const { return nullptr; }
};

class Method {
 public:
  virtual ~Method() = default;
  virtual Plan plan() const = 0;
  // Called before the first step of a stage, not on resume: e.g. teacher := student.
  virtual void begin_stage(int64_t stage) {}
  virtual void step(const Batch& batch, Step& step) = 0;
  virtual void after_step(Step& step) {}  // EMA, memories
  virtual Predictor& predictor() = 0;
  // Numbers about the state that the row of a validation carries beside its scores; no number
  // selects. Equal on all ranks, not collective.
  virtual std::vector<std::pair<std::string, double>> diagnostics() const { return {}; }
  // Collective. Called before state() is saved: gathers the state of single ranks on all ranks.
  // Must not change later steps.
  virtual void settle(const Communicator& comm) {}
  virtual void state(StateVisitor& visitor) = 0;  // networks, optimisers, memories, counters: all,
                                                  // or it cannot resume
};

// A method is constructed from this context. Copies of its functions stay valid as long as the
// method lives.
struct MethodContext {
  Config options;          // section [method]
  NetworkShape shape;      // channels, classes, patch size
  int64_t iterations = 0;  // iterations of the whole training, all stages together
  int64_t batch = 0,
          labelled = 0;  // samples of the global batch, and how many of them have ground truth
  OptimiserOptions optimiser;  // the protocol's; a method may override it for its own networks
  const Communicator* comm = nullptr;
  std::function<std::unique_ptr<Backbone>(const NetworkRequest&)> make_network;
  // The training cases' domains and tasks, as Stream::domain and Stream::task number them.
  std::vector<std::string> domains = {""}, tasks = {""};
  std::map<std::string, int64_t> pool_samples;  // number of samples in each pool of the setting
  // Returns the number of voxels of each class in the ground truth of a pool with labels: all its
  // samples, whole, before crops and augmentation; the same on every rank, not collective. Reads every
  // sample, and is empty where a run without its data is loaded to predict: call it in begin_stage()
  // and keep what it gave in the state. Throws kConfig for a pool without labels.
  std::function<std::vector<int64_t>(const std::string& pool)> class_voxels;

  // Returns the number of steps of `epochs` passes over a pool, `samples` at a time; a remainder is
  // dropped, as in the loader. Throws kConfig when the setting lacks the pool.
  int64_t steps_of_epochs(double epochs, const std::string& pool, int64_t samples) const;
};

// Returns the streams of most methods: context.labelled samples of the pool "labelled" and the rest
// of the batch from the pool "unlabelled". `unlabelled_views` are those of the second stream.
std::vector<StreamPlan> labelled_and_unlabelled(const MethodContext& context,
                                                std::vector<std::string> unlabelled_views = {
                                                    kWeakView});

// The networks that have the heads which a method needs: a registered backbone, "any", or "none"
// where the method does not work.
struct MethodNetworks {
  std::string slices = "any", volumes = "any";
  int64_t divisor = 16;  // sides of images are multiples of it
  bool is_only = false;  // no other network has the inputs that the method gives
  const std::string& of(int64_t axes) const { return axes == 3 ? volumes : slices; }
};

struct MethodEntry {
  static const char* kind() { return "method"; }
  std::string name;     // the stem of the file
  std::string summary;  // one line, that of experiments/method/<name>.toml
  std::string family;   // the idea that it shares with others: "consistency", "pseudo-labels"
  std::string paper;    // "Bai et al., CVPR 2023"; empty: no publication
  MethodNetworks networks = {};
  bool is_binary = false;  // one foreground class, as its reference
  // Returns options in TOML that make a quick form for checks, for images of so many axes.
  std::function<std::string(int64_t axes)> small = [](int64_t) { return std::string(); };
  // Returns the sides of the images of such checks; empty: the usual small ones.
  std::function<std::vector<int64_t>(int64_t axes)> small_patch = {};
  ReadNetworkOptions read_options = [](const Config&, const NetworkShape&) {};
  std::function<std::unique_ptr<Method>(const MethodContext& context)> make;
};
using MethodRegistry = Registry<MethodEntry>;

}  // namespace semiseg
