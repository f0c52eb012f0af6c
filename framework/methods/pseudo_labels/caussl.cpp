// SPDX-License-Identifier: Apache-2.0
// CauSSL, causality-inspired co-training: Miao et al., ICCV 2023, as JuzhengMiao/CauSSL
// train_CT_CPSCauSSL has it. Two networks teach each other with hard pseudo-labels and keep their
// filters algebraically independent.
//
//   L_i = ½ (CE(z_i, y) + D(p_i, y)) + v λ(t) CE(z_i(x_u), argmax z_j(x_u)) + w C_i,  i ≠ j
//   C_i = mean over layers and filters of cos²(f_i, row of A_i stop F_j); F_j has the filters of a
//         layer of network j as rows, f_i is the same filter of network i (filter_independence.h)
//
// v = 0.3, from pseudo_start on; w = 3, from independence_start on, once the maps A_i were updated:
// every coefficient_every iterations 60 Adam steps maximise C over them. D is the Dice of the
// foreground where there are two classes. Both losses are those of the weights before the step.
// Network 1 is deployed. caussl_mc.cpp is the form with one encoder and three decoders.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/filter_independence.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/network_pair.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::caussl {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1, .rampup = 1.2, .rampup_steps = 40};
  LabelledDice dice = nullptr;
  IndependenceOptions independence;
  double pseudo_weight = 0.3, independence_weight = 3;
  int64_t pseudo_start = 400, independence_start = 500;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.dice =
        read_labelled_dice(section, shape.classes, shape.classes == 2 ? "dice_sq_fg" : "dice_sq");
    o.independence = IndependenceOptions::read(section);
    section.read("pseudo_weight", o.pseudo_weight, {0, 100},
                 "Factor on the ramped weight of the pseudo-labels. Lower it when they are poor.");
    section.read("pseudo_start", o.pseudo_start, {0, 1e9},
                 "Iteration behind which pseudo-labels count. Lower it for short trainings: it is "
                 "400 of 5000 in the reference.");
    section.read("independence_weight", o.independence_weight, {0, 1000},
                 "Weight of the likeness of the two networks' filters. Raise it when the networks "
                 "become alike.");
    section.read("independence_start", o.independence_start, {0, 1e9},
                 "Iteration behind which the likeness of filters counts. Lower it for short "
                 "trainings: it is 500 of 5000 in the reference.");
    return o;
  }
};

class CausalCoTraining : public NetworkPair {
 public:
  explicit CausalCoTraining(const MethodContext& context)
      : NetworkPair(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options, context.shape)),
        maps_{FilterMaps(*networks_[0], "net1"), FilterMaps(*networks_[1], "net2")} {}

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    at::Tensor logits[2], pseudo[2], totals[2];
    for (int i = 0; i < 2; ++i) {
      logits[i] = forward(i, batch.joined(), batch.samples, step).logits;
      pseudo[i] = logits[i].slice(0, b).detach().argmax(1);
    }
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("consistency_weight", weight);
    const bool has_maps = update_maps(step);
    for (int i = 0; i < 2; ++i) {
      const at::Tensor z = logits[i].slice(0, 0, b);
      const at::Tensor supervised = 0.5 * (cross_entropy(z, labelled.label, *step.comm) +
                                           options_.dice(z.softmax(1), labelled.label, *step.comm));
      record_of(i, "loss.supervised", supervised, step);
      totals[i] = supervised;
      if (step.iteration > options_.pseudo_start) {
        const at::Tensor cross = cross_entropy(logits[i].slice(0, b), pseudo[1 - i], *step.comm);
        record_of(i, "loss.pseudo", cross, step);
        totals[i] = totals[i] + options_.pseudo_weight * weight * cross;
      }
      if (has_maps) {
        const at::Tensor likeness = step.comm->replicated(
            maps_[i].likeness(filters_of(*networks_[static_cast<size_t>(i)]),
                              filters_of(*networks_[static_cast<size_t>(1 - i)])));
        record_of(i, "loss.independence", likeness, step);
        totals[i] = totals[i] + options_.independence_weight * likeness;
      }
      record_of(i, "loss.total", totals[i], step);
    }
    for (size_t i = 0; i < 2; ++i) step.minimise(*optimisers_[i], totals[i]);
    step.record("loss.total", totals[0] + totals[1]);
  }

  void state(StateVisitor& visitor) override {
    NetworkPair::state(visitor);
    for (FilterMaps& maps : maps_) maps.state(visitor);
  }

 private:
  // True when the likeness of filters counts in this step.
  bool update_maps(Step& step) {
    if (step.iteration <= options_.independence_start) return false;
    if (step.iteration % options_.independence.every == 0) {
      for (int i = 0; i < 2; ++i) {
        maps_[i].maximise(filters_of(*networks_[static_cast<size_t>(i)]),
                          filters_of(*networks_[static_cast<size_t>(1 - i)]), options_.independence,
                          step);
      }
    }
    return maps_[0].are_ready();
  }

  Options options_;
  FilterMaps maps_[2];
};

const bool registered = MethodRegistry::instance().add(
    {.name = "caussl",
     .summary = "Two networks teach each other and keep their filters independent",
     .family = "pseudo-labels",
     .paper = "Miao et al., ICCV 2023",
     .small =
         [](int64_t) {
           return "pseudo_start = 0\nindependence_start = 1\ncoefficient_every = 2\n"
                  "coefficient_steps = 2";
         },
     .read_options = read_and_forget<Options>,
     .make =
         [](const MethodContext& context) { return std::make_unique<CausalCoTraining>(context); }});

}  // namespace
}  // namespace semiseg::caussl
