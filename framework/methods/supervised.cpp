// SPDX-License-Identifier: Apache-2.0
// Supervised training on the labelled samples alone: the lower line of every comparison, and with
// all patients labelled the upper one. Reference: HiLab-git/SSL4MIS, train_fully_supervised_2D and
// _3D.
//
//   L = ½ (CE(z, y) + D(p, y)),  D = Dice with squared denominators over all classes, or `dice`
//   (labelled_dice.h)
//
// The batch is all labelled, as in the reference: protocol.batch samples a step.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/method.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/network_predictor.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::supervised {
namespace {

struct Options {
  LabelledDice dice = nullptr;

  static Options read(const Config& section, const NetworkShape& shape) {
    return {.dice = read_labelled_dice(section, shape.classes)};
  }
};

class Supervised : public Method {
 public:
  explicit Supervised(const MethodContext& context)
      : stage_{.name = "train",
               .iterations = context.iterations,
               .streams = {{.name = "labelled", .pool = "labelled", .samples = context.batch}}},
        dice_(Options::read(context.options, context.shape).dice),
        network_(context.make_network({"student"})),
        optimiser_(make_optimiser("student", network_->parameters(), context.optimiser)),
        predictor_(*network_) {}

  Plan plan() const override { return {{stage_}}; }

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const at::Tensor logits =
        network_->forward(labelled.image(), step.train_pass("student", labelled.samples)).logits;
    const at::Tensor ce = cross_entropy(logits, labelled.label, *step.comm);
    const at::Tensor dice = dice_(logits.softmax(1), labelled.label, *step.comm);
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
  LabelledDice dice_;
  std::unique_ptr<Backbone> network_;
  std::unique_ptr<Optimiser> optimiser_;
  NetworkPredictor predictor_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "supervised",
     .summary =
         "Labelled samples only: the lower line of a comparison (with labelled=all the upper one)",
     .family = "supervised",
     .paper = "",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<Supervised>(context); }});

}  // namespace
}  // namespace semiseg::supervised
