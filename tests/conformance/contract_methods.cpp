// SPDX-License-Identifier: Apache-2.0
// Methods that need what no registered method needs yet: tasks as prompts, a third stream, two
// crops, a second architecture. They are registered where this file is linked, so the tests of
// every method meet them. None is a method from the literature.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/methods/method.h"
#include "framework/methods/parts/networks/network_predictor.h"
#include "framework/nn/layers.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_compound.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg {
namespace {

// One network, one stage and one optimiser; a method says its loss.
class OneNetworkMethod : public Method {
 public:
  OneNetworkMethod(const MethodContext& context, std::vector<StreamPlan> streams,
                   const NetworkRequest& request = {"student"})
      : stage_{.name = "train", .iterations = context.iterations, .streams = std::move(streams)},
        network_(context.make_network(request)),
        optimiser_(make_optimiser("student", network_->parameters(), context.optimiser)),
        predictor_(*network_) {}

  Plan plan() const override { return {{stage_}}; }
  Predictor& predictor() override { return predictor_; }
  void state(StateVisitor& visitor) override {
    visitor.scope("student", [this](StateVisitor& v) { network_->state(v); });
    optimiser_->state(visitor);
  }
  void step(const Batch& batch, Step& step) override {
    const at::Tensor total = loss(batch, step);
    step.record("loss.total", total);
    step.minimise(*optimiser_, total);
  }

 protected:
  virtual at::Tensor loss(const Batch& batch, Step& step) = 0;

  Stage stage_;
  std::unique_ptr<Backbone> network_;
  std::unique_ptr<Optimiser> optimiser_;
  NetworkPredictor predictor_;
};

// Two convolutions on slices or volumes, with a number for each task added to the features and an
// auxiliary head.
class PromptedNetwork : public ModuleBackbone {
 public:
  PromptedNetwork(const NetworkShape& shape, const Draws& draws, const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        in_(root_.child("in"), conv(shape, shape.channels, kFeatures)),
        prompt_(root_.constant_parameter("prompt", {kTasks, kFeatures}, 0.1)),
        out_(root_.child("out"), conv(shape, kFeatures, shape.classes)),
        auxiliary_(root_.child("auxiliary"), conv(shape, kFeatures, shape.classes)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    at::Tensor features = at::tanh(in_(input.image));
    if (!input.extras.empty()) {
      std::vector<int64_t> shape = {features.size(0), kFeatures};
      shape.resize(static_cast<size_t>(features.dim()), 1);
      features = features + prompt_.index_select(0, input["task"]).reshape(shape);
    }
    features = 10 * features;
    NetworkOutput out{.logits = out_(features), .features = features, .others = {}};
    if (pass.wants("auxiliary")) out.others.push_back({"auxiliary", auxiliary_(features)});
    return out;
  }
  Classifier classifier() const override { return {out_.weight(), out_.bias()}; }
  Classifier head(std::string_view name) const override {
    if (name == "auxiliary") return {auxiliary_.weight(), auxiliary_.bias()};
    return Backbone::head(name);
  }

 private:
  static ConvOptions conv(const NetworkShape& shape, int64_t in, int64_t out) {
    return {.in = in,
            .out = out,
            .kernel = std::vector<int64_t>(shape.patch_size.size(), 3),
            .padding = 1};
  }
  static constexpr int64_t kFeatures = 8, kTasks = 4;
  Conv in_;
  at::Tensor prompt_;
  Conv out_, auxiliary_;
};

const bool network_registered = BackboneRegistry::instance().add(
    {.name = "test_prompted_network",
     .summary = "a network that takes the task and has an auxiliary head",
     .paper = "",
     .make = [](const Config&, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       return std::make_unique<PromptedNetwork>(shape, draws, net);
     }});

//   L = CE(z(x_l, task), y) + CE(aux(x_l, task), y) + CE(z(x_u, task), argmax aux(x_u, task))
class PromptedTasks : public OneNetworkMethod {
 public:
  explicit PromptedTasks(const MethodContext& context)
      : OneNetworkMethod(context, labelled_and_unlabelled(context),
                         {.net = "student", .backbone = "test_prompted_network"}) {}

 private:
  at::Tensor loss(const Batch& batch, Step& step) override {
    const auto forward = [&](const Stream& stream, const std::string& pass) {
      return network_->forward({stream.image(), {{"task", stream.task}}},
                               step.train_pass(pass, stream.samples));
    };
    const NetworkOutput l = forward(batch["labelled"], "labelled"),
                        u = forward(batch["unlabelled"], "unlabelled");
    const at::Tensor& label = batch["labelled"].label;
    return cross_entropy(l.logits, label, *step.comm) +
           cross_entropy(l["auxiliary"], label, *step.comm) +
           cross_entropy(u.logits, u["auxiliary"].detach().argmax(1), *step.comm);
  }
};

// A third stream is mixed into the strong view of the second, half and half:
//   L = CE(z(x_l), y) + CE(z(½ strong(x_u) + ½ x_m), argmax z(x_u))
class MixStreams : public OneNetworkMethod {
 public:
  explicit MixStreams(const MethodContext& context)
      : OneNetworkMethod(context, plan_streams(context)) {
    const int64_t b = context.labelled, u = stage_.streams[1].samples;
    for (int64_t i = 0; i < b; ++i) stage_.colocated.push_back({i});
    for (int64_t i = 0; i < u; ++i) stage_.colocated.push_back({b + i, b + u + i});
  }

 private:
  static std::vector<StreamPlan> plan_streams(const MethodContext& context) {
    const int64_t pairs = (context.batch - context.labelled) / 2;
    return {{.name = "labelled", .pool = "labelled", .samples = context.labelled},
            {.name = "unlabelled",
             .pool = "unlabelled",
             .samples = pairs,
             .views = {kWeakView, "strong"}},
            {.name = "mix", .pool = "unlabelled", .samples = pairs}};
  }

  at::Tensor loss(const Batch& batch, Step& step) override {
    const Stream &l = batch["labelled"], &u = batch["unlabelled"], &m = batch["mix"];
    const at::Tensor supervised =
        cross_entropy(network_->forward(l.image(), step.train_pass("labelled", l.samples)).logits,
                      l.label, *step.comm);
    at::Tensor pseudo;
    {
      const at::NoGradGuard no_grad;
      pseudo = network_->forward(u.image(), step.train_pass("weak", u.samples)).logits.argmax(1);
    }
    const at::Tensor mixed = 0.5 * u.image("strong") + 0.5 * m.image();
    return supervised +
           cross_entropy(network_->forward(mixed, step.train_pass("mixed", u.samples)).logits,
                         pseudo, *step.comm);
  }
};

// Class shares of two crops of one sample agree; the perturbation of the second follows the
// gradient (as virtual adversarial training has it):
//   L = CE(z(x_l), y) + mean (share(x_u) - share(x_u' + ε sign ∇ sum p'²))²
class TwoCrops : public OneNetworkMethod {
 public:
  explicit TwoCrops(const MethodContext& context)
      : OneNetworkMethod(context, labelled_and_unlabelled(context, {kWeakView, "second_crop"})) {}

 private:
  at::Tensor share(const at::Tensor& image, const std::string& pass, const SampleIds& samples,
                   Step& step) {
    const at::Tensor p = network_->forward(image, step.train_pass(pass, samples)).logits.softmax(1);
    return p.flatten(2).mean(2);
  }

  at::Tensor loss(const Batch& batch, Step& step) override {
    const Stream &l = batch["labelled"], &u = batch["unlabelled"];
    const at::Tensor supervised =
        cross_entropy(network_->forward(l.image(), step.train_pass("labelled", l.samples)).logits,
                      l.label, *step.comm);
    at::Tensor second = u.image("second_crop").detach().clone().set_requires_grad(true);
    const at::Tensor pull = share(second, "pull", u.samples, step).square().sum();
    const at::Tensor direction = step.gradients(pull, {second})[0].sign();
    const at::Tensor first = share(u.image(), "first", u.samples, step),
                     other = share(second.detach() + 0.01 * direction, "second", u.samples, step);
    const at::Tensor distance = (first - other).square().sum();
    return supervised + 100 * global_mean(distance, static_cast<double>(first.numel()), *step.comm);
  }
};

//   L = CE(z(x_l), y) + CE(z'(x_l), y) + CE(z(x_u), argmax z'(x_u)),   z' of another architecture,
// whose parameters learn at twice the rate.
class TwoBackbones : public OneNetworkMethod {
 public:
  explicit TwoBackbones(const MethodContext& context)
      : OneNetworkMethod(context, labelled_and_unlabelled(context)),
        other_(context.make_network({.net = "other", .backbone = "test_prompted_network"})) {
    optimiser_ =
        make_optimiser("both",
                       {{.parameters = prefixed("student", network_->parameters())},
                        {.parameters = prefixed("other", other_->parameters()), .rate_factor = 2}},
                       context.optimiser);
  }

  void state(StateVisitor& visitor) override {
    visitor.scope("other", [this](StateVisitor& v) { other_->state(v); });
    OneNetworkMethod::state(visitor);
  }

 private:
  static std::vector<NamedTensor> prefixed(const std::string& net,
                                           std::vector<NamedTensor> parameters) {
    for (NamedTensor& parameter : parameters) parameter.name = net + "." + parameter.name;
    return parameters;
  }

  at::Tensor loss(const Batch& batch, Step& step) override {
    const int64_t b = batch["labelled"].size();
    const at::Tensor& label = batch["labelled"].label;
    const at::Tensor z =
        network_->forward(batch.joined(), step.train_pass("student", batch.samples)).logits;
    Pass pass = step.train_pass("other", batch.samples);
    pass.heads = {""};
    const at::Tensor other = other_->forward(batch.joined(), pass).logits;
    return cross_entropy(z.slice(0, 0, b), label, *step.comm) +
           cross_entropy(other.slice(0, 0, b), label, *step.comm) +
           cross_entropy(z.slice(0, b), other.slice(0, b).detach().argmax(1), *step.comm);
  }

  std::unique_ptr<Backbone> other_;
};

//   L = DC-and-CE_w(z(x_l), y) + CE(z(x_u), argmax z(x_u)),   w_k = ln(Σ_j n_j / n_k) of the voxels n
// of the labelled pool.
class ClassWeights : public OneNetworkMethod {
 public:
  explicit ClassWeights(const MethodContext& context)
      : OneNetworkMethod(context, labelled_and_unlabelled(context)),
        class_voxels_(context.class_voxels),
        weights_(at::zeros({context.shape.classes}, at::kDouble)) {}

  void begin_stage(int64_t) override {
    const at::Tensor n = at::tensor(class_voxels_("labelled"), at::kDouble);
    weights_.copy_((n.sum() / n).log());
  }
  void state(StateVisitor& visitor) override {
    visitor.tensor("class_weights", weights_);
    OneNetworkMethod::state(visitor);
  }

 private:
  at::Tensor loss(const Batch& batch, Step& step) override {
    const int64_t b = batch["labelled"].size();
    const at::Tensor z =
        network_->forward(batch.joined(), step.train_pass("student", batch.samples)).logits;
    const at::Tensor u = z.slice(0, b);
    return dc_and_ce(z.slice(0, 0, b), batch["labelled"].label, weights_.to(z.scalar_type()),
                     *step.comm) +
           cross_entropy(u, u.detach().argmax(1), *step.comm);
  }

  std::function<std::vector<int64_t>(const std::string&)> class_voxels_;
  at::Tensor weights_;
};

template <class SomeMethod>
bool add(const char* name, const char* summary) {
  return MethodRegistry::instance().add(
      {.name = name,
       .summary = summary,
       .family = "test",
       .paper = "",
       .make = [](const MethodContext& context) { return std::make_unique<SomeMethod>(context); }});
}

const bool registered =
    add<PromptedTasks>("test_prompted_tasks", "the task is an input of the network") &&
    add<MixStreams>("test_mix_streams", "a third stream is mixed into the strong view") &&
    add<TwoCrops>("test_two_crops", "two crops of a sample agree") &&
    add<TwoBackbones>("test_two_backbones", "two architectures learn together") &&
    add<ClassWeights>("test_class_weights", "rare classes weigh more");

}  // namespace
}  // namespace semiseg
