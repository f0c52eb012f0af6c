// SPDX-License-Identifier: Apache-2.0
// DHC, dual-debiased heterogeneous co-training: Wang & Li, MICCAI 2023, as xmed-lab/DHC
// code/train_dhc.py has it.
//
//   w_A = DiffDW: how slowly A learns a class, times its missing Dice     parts/class_weights.h
//   w_B ← β w_B + (1 − β) DistDW: rarity of a class among B's labels of unlabelled images, β = 0.99
//   L_sup = DiceCE_w_A(z_A^l, y) + DiceCE_w_B(z_B^l, y)
//   L_cps = CE_w_A(z_A, argmax z_B) + CE_w_B(z_B, argmax z_A),  labelled and unlabelled samples
//   L = L_sup + δ L_cps,  δ = 0.1 exp(−5 (1 − t)²),  t the share of the training that is over
//
//   DiceCE_w: losses_compound.h;  CE_w = Σ w_y ce / Σ w_y, 0 where no pixel has a weight (the
//   reference's is NaN)
//
// Axes: z logits [N,C,S] of all samples of the batch, labelled (l) first. Both weights are
// refreshed before the losses and carry no gradient; the two losses of a network share no parameter
// with those of the other, so each network is minimised by itself. w_B begins as the DistDW of the
// ground truth of all labelled volumes. The mean of the two networks' logits is deployed.
//
// Departures: networks start as the backbone does (the reference: Kaiming normal); rate and δ
// follow the iteration instead of the epoch before; skip_absent_class can keep the weight of a
// class that neither ground truth nor prediction has, which in the reference jumps between λ = ½
// and 0.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "framework/config/option_list.h"
#include "framework/methods/method.h"
#include "framework/methods/parts/class_weights.h"
#include "framework/methods/parts/consistency.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_compound.h"

namespace semiseg::dhc {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  int64_t difficulty_steps = 50;
  double distribution_momentum = 0.99;
  std::vector<double> initial_distribution_weight;
  bool skip_absent_class = false;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    section.read(
        "difficulty_steps", o.difficulty_steps, {2, 1e6},
        "Number of steps over which learning speed and Dice of a class are averaged. Raise "
        "it when batches are small and many lack a class.");
    section.read("distribution_momentum", o.distribution_momentum, {0, 1},
                 "Share of the old rarity weights that a step keeps. Raise it when the weights "
                 "jump.");
    section.read("initial_distribution_weight", o.initial_distribution_weight, {0, 1e6},
                 "First rarity weight of each class, background first; empty: from the voxels of "
                 "the labelled images. Give it to repeat a training on other volumes.");
    section.read("skip_absent_class", o.skip_absent_class,
                 "Keeps the difficulty of a class that neither the labels nor the predictions of a "
                 "step have. Switch it on when crops often lack classes.");
    if (const int64_t given = std::ssize(o.initial_distribution_weight);
        given != 0 && given != shape.classes) {
      section.fail("initial_distribution_weight", "there is not one weight for each class",
                   fmt::format("{} numbers, or none", shape.classes));
    }
    return o;
  }
};

// Mean of the logits of two networks.
class MeanPredictor : public Predictor {
 public:
  MeanPredictor(Backbone& first, Backbone& second) : first_(first), second_(second) {}
  at::Tensor predict(const at::Tensor& image) override {
    const at::NoGradGuard no_grad;
    return (first_.forward(image, Pass{}).logits + second_.forward(image, Pass{}).logits) / 2;
  }

 private:
  Backbone &first_, &second_;
};

class Dhc : public Method {
 public:
  explicit Dhc(const MethodContext& context)
      : options_(Options::read(context.options, context.shape)),
        stage_{.name = "train",
               .iterations = context.iterations,
               .streams = labelled_and_unlabelled(context)},
        class_voxels_(context.class_voxels),
        networks_{context.make_network({kNames[0]}), context.make_network({kNames[1]})},
        optimisers_{make_optimiser(kNames[0], networks_[0]->parameters(), context.optimiser),
                    make_optimiser(kNames[1], networks_[1]->parameters(), context.optimiser)},
        difficulty_(context.shape.classes, options_.difficulty_steps, context.shape.device),
        rarity_(at::ones({context.shape.classes},
                         at::TensorOptions(context.shape.device).dtype(at::kDouble))),
        predictor_(*networks_[0], *networks_[1]) {
    const auto& given = options_.initial_distribution_weight;
    if (!given.empty()) rarity_.copy_(at::tensor(given, at::kDouble));
  }

  Plan plan() const override { return {{stage_}}; }

  void begin_stage(int64_t) override {
    if (!options_.initial_distribution_weight.empty() || !class_voxels_) return;
    const at::Tensor voxels = at::tensor(class_voxels_("labelled"), at::kLong);
    rarity_.copy_(rarity_weights(voxels.to(rarity_.device()), rarity_));
  }

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    at::Tensor logits[2], hard[2];
    for (int i = 0; i < 2; ++i) {
      logits[i] =
          networks_[i]->forward(batch.joined(), step.train_pass(kNames[i], batch.samples)).logits;
      hard[i] = logits[i].detach().argmax(1);
    }
    const at::Tensor weights[2] = {difficulty_weights(hard[0].slice(0, 0, b), labelled.label, step),
                                   distribution_weights(hard[1].slice(0, b), step)};
    const double delta =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    at::Tensor supervised[2], pseudo[2];
    for (int i = 0; i < 2; ++i) {
      supervised[i] = dc_and_ce(logits[i].slice(0, 0, b), labelled.label, weights[i], *step.comm);
      pseudo[i] =
          cross_entropy(logits[i], hard[1 - i],
                        weights[i].to(logits[i].scalar_type()).take(hard[1 - i]), *step.comm);
    }
    const at::Tensor both = supervised[0] + supervised[1], cross = pseudo[0] + pseudo[1];
    step.record("loss.supervised", both);
    step.record("loss.pseudo", cross);
    step.record("loss.total", both + delta * cross);
    step.record("consistency_weight", delta);
    for (int i = 0; i < 2; ++i) step.minimise(*optimisers_[i], supervised[i] + delta * pseudo[i]);
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    for (int i = 0; i < 2; ++i) {
      visitor.scope(kNames[i], [this, i](StateVisitor& v) { networks_[i]->state(v); });
      optimisers_[i]->state(visitor);
    }
    visitor.scope("difficulty", [this](StateVisitor& v) { difficulty_.state(v); });
    visitor.tensor("distribution_weight", rarity_);
  }

 private:
  at::Tensor difficulty_weights(const at::Tensor& prediction, const at::Tensor& label, Step& step) {
    const at::Tensor counts = class_counts(prediction, label, rarity_.numel(), *step.comm);
    const at::Tensor seen = options_.skip_absent_class ? counts[1] + counts[2] > 0 : at::Tensor();
    return relative_to_largest(difficulty_.update(hard_dice(counts), seen));
  }

  at::Tensor distribution_weights(const at::Tensor& prediction, Step& step) {
    const at::Tensor counts = class_counts(prediction, prediction, rarity_.numel(), *step.comm)[1];
    rarity_.mul_(options_.distribution_momentum)
        .add_((1 - options_.distribution_momentum) * rarity_weights(counts, rarity_.clone()));
    return rarity_.clone();
  }

  static constexpr const char* kNames[2] = {"net1", "net2"};  // A and B
  Options options_;
  Stage stage_;
  std::function<std::vector<int64_t>(const std::string&)> class_voxels_;
  std::unique_ptr<Backbone> networks_[2];
  std::unique_ptr<Optimiser> optimisers_[2];
  ClassDifficulty difficulty_;
  at::Tensor rarity_;  // w_B
  MeanPredictor predictor_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "dhc",
     .summary = "Two networks teach each other, one weighs hard classes and one rare ones",
     .family = "co-training",
     .paper = "Wang & Li, MICCAI 2023",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<Dhc>(context); }});

}  // namespace
}  // namespace semiseg::dhc
