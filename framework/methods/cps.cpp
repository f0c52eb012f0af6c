// SPDX-License-Identifier: Apache-2.0
// Cross pseudo supervision: Chen et al., CVPR 2021, as HiLab-git/SSL4MIS
// train_cross_pseudo_supervision_2D has it.
//
//   L_i = ½ (CE(z_i, y) + D(p_i, y)) + λ(t) · CE(z_i(x_u), argmax z_j(x_u)),  i ≠ j ∈ {1, 2}
//
// Two networks with their own initial weights and optimisers. The pseudo-labels carry no gradient,
// so the two losses share no parameter and are minimised one after the other. Network 1 is
// deployed. In 3-D the reference starts its networks by other rules (Kaiming, Xavier); here both
// start as the backbone does.
#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/network_predictor.h"
#include "framework/nn/losses/losses.h"

namespace semiseg {
namespace {

struct Options {
  ConsistencyOptions consistency;

  static Options read(const Config& section) {
    return {.consistency = ConsistencyOptions::read(section, {.weight = 0.1})};
  }
};

class CrossPseudoSupervision : public Method {
 public:
  explicit CrossPseudoSupervision(const MethodContext& context)
      : consistency_(Options::read(context.options).consistency),
        stage_{.name = "train",
               .iterations = context.iterations,
               .streams = labelled_and_unlabelled(context)},
        networks_{context.make_network({"net1"}), context.make_network({"net2"})},
        optimisers_{make_optimiser("net1", networks_[0]->parameters(), context.optimiser),
                    make_optimiser("net2", networks_[1]->parameters(), context.optimiser)},
        predictor_(*networks_[0]) {}

  Plan plan() const override { return {{stage_}}; }

  void step(const Batch& batch, Step& step) override {
    const int64_t b = batch["labelled"].size();
    at::Tensor logits[2], pseudo[2];
    for (int i = 0; i < 2; ++i) {
      logits[i] =
          networks_[i]->forward(batch.joined(), step.train_pass(kNames[i], batch.samples)).logits;
      pseudo[i] = logits[i].slice(0, b).detach().argmax(1);
    }
    const double weight = consistency_weight(consistency_, step.iteration, step.stage_iterations);
    step.record("consistency_weight", weight);
    for (int i = 0; i < 2; ++i) {
      const at::Tensor supervised =
          supervised_loss(logits[i].slice(0, 0, b), batch["labelled"].label, *step.comm);
      const at::Tensor cross = cross_entropy(logits[i].slice(0, b), pseudo[1 - i], *step.comm);
      const at::Tensor total = supervised + weight * cross;
      const std::string suffix = std::string("_") + kNames[i];
      step.record("loss.supervised" + suffix, supervised);
      step.record("loss.pseudo" + suffix, cross);
      step.record("loss.total" + suffix, total);
      step.minimise(*optimisers_[i], total);
    }
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    for (int i = 0; i < 2; ++i) {
      visitor.scope(kNames[i], [this, i](StateVisitor& v) { networks_[i]->state(v); });
      optimisers_[i]->state(visitor);
    }
  }

 private:
  static constexpr const char* kNames[2] = {"net1", "net2"};
  ConsistencyOptions consistency_;
  Stage stage_;
  std::unique_ptr<Backbone> networks_[2];
  std::unique_ptr<Optimiser> optimisers_[2];
  NetworkPredictor predictor_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "cps",
     .summary = "Two networks teach each other with hard pseudo-labels",
     .family = "pseudo-labels",
     .paper = "Chen et al., CVPR 2021",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<CrossPseudoSupervision>(context);
     }});

}  // namespace
}  // namespace semiseg
