// SPDX-License-Identifier: Apache-2.0
// Supervised training on the labelled samples alone: the lower line of every comparison, and with
// all patients labelled the upper one. Reference: HiLab-git/SSL4MIS, train_fully_supervised_2D.
//
//   L = ½ (CE(z, y) + D(p, y)),  D = Dice with squared denominators over all classes
//
// The batch is all labelled, as in the reference: protocol.batch samples a step.
#include "framework/methods/method.h"
#include "framework/methods/network_predictor.h"
#include "framework/nn/losses.h"

namespace semiseg {
namespace {

class Supervised : public Method {
 public:
  explicit Supervised(const MethodContext& context)
      : stage_{.name = "train", .iterations = context.iterations, .labelled = context.batch},
        network_(context.make_network("student")),
        optimiser_(make_optimiser("student", network_->parameters(), context.optimiser)),
        predictor_(*network_) {}

  Plan plan() const override { return {{stage_}}; }

  void step(const Batch& batch, Step& step) override {
    const at::Tensor logits =
        network_->forward(batch.image, step.train_pass("student", batch.samples)).logits;
    const at::Tensor ce = cross_entropy(logits, batch.label, *step.comm);
    const at::Tensor dice = dice_sq(logits.softmax(1), batch.label, *step.comm);
    const at::Tensor total = 0.5 * (ce + dice);
    step.record("loss.supervised_ce", ce);
    step.record("loss.supervised_dice", dice);
    step.record("loss.total", total);
    step.minimise(*optimiser_, total);
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    visitor.scope("student", [this](StateVisitor& v) { network_->state(v); });
    optimiser_->state(visitor);
  }

 private:
  Stage stage_;
  std::unique_ptr<Backbone> network_;
  std::unique_ptr<Optimiser> optimiser_;
  NetworkPredictor predictor_;
};

const bool registered = MethodRegistry::instance().add(
    {"supervised", "labelled samples only, cross entropy and Dice",
     [](const MethodContext& context) { return std::make_unique<Supervised>(context); }});

}  // namespace
}  // namespace semiseg
