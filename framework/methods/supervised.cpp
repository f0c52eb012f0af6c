// SPDX-License-Identifier: Apache-2.0
// Supervised training on the labelled samples alone: the lower line of every comparison, and with
// all patients labelled the upper one. Reference: HiLab-git/SSL4MIS, train_fully_supervised_2D and
// _3D.
//
//   L = ½ (CE(z, y) + D(p, y)),  D = Dice with squared denominators over all classes, or `dice`
//   (labelled_dice.h)
//
// loss = "nnunet" is that of nnU-Net v2 instead, CE − Dice of the foreground classes, pooled over the
// batch (losses_compound.h), and deep_supervision = true puts the loss on the heads of all scales of
// the network, too: Σ w_s L(z_s, y at scale s), w = 1, ½, ¼, … with sum 1 (deep_supervision.h).
//
// The batch is all labelled, as in the reference: protocol.batch samples a step.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/method.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/losses/deep_supervision.h"
#include "framework/methods/parts/networks/network_predictor.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_compound.h"

namespace semiseg::supervised {
namespace {

struct Options {
  LabelledDice dice = nullptr;
  std::string loss = "ce_dice";
  bool deep_supervision = false, batch_dice = true;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o{.dice = read_labelled_dice(section, shape.classes)};
    section.read(
        "loss", o.loss, {"ce_dice", "nnunet"},
        "Loss of labelled samples: half of cross entropy and Dice as in SSL4MIS (ce_dice), "
        "or that of nnU-Net, with a Dice of the foreground (nnunet). Take nnunet to train "
        "as nnU-Net does.");
    section.read("batch_dice", o.batch_dice,
                 "loss = \"nnunet\": the Dice is that of the whole batch, not a mean over samples. "
                 "Take that of plans.json: true in 2-D, false in 3d_fullres of large images.");
    section.read(
        "deep_supervision", o.deep_supervision,
        "Puts the loss on the auxiliary heads of the network, too, with weights 1, 1/2, "
        "1/4, … of which the coarsest is left out. Switch it on for nnunet and resenc_unet "
        "with backbone.deep_supervision=true, and for unet_ds.");
    return o;
  }
};

class Supervised : public Method {
 public:
  explicit Supervised(const MethodContext& context)
      : stage_{.name = "train",
               .iterations = context.iterations,
               .streams = {{.name = "labelled", .pool = "labelled", .samples = context.batch}}},
        options_(Options::read(context.options, context.shape)),
        network_(context.make_network({"student"})),
        optimiser_(make_optimiser("student", network_->parameters(), context.optimiser)),
        predictor_(*network_) {}

  Plan plan() const override { return {{stage_}}; }

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const NetworkOutput output =
        network_->forward(labelled.image(), step.train_pass("student", labelled.samples));
    at::Tensor total;
    if (options_.deep_supervision) {
      const auto heads =
          auxiliary_heads(output, "supervised", "nnunet backbone.deep_supervision=true");
      total = deeply_supervised(output.logits, heads, labelled.label,
                                [&](const at::Tensor& logits, const at::Tensor& label) {
                                  return loss_of(logits, label, step, /*records=*/false);
                                });
    } else {
      total = loss_of(output.logits, labelled.label, step, /*records=*/true);
    }
    step.record("loss.total", total);
    step.minimise(*optimiser_, total);
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    visitor.scope("student", [this](StateVisitor& v) { network_->state(v); });
    optimiser_->state(visitor);
  }

 private:
  at::Tensor loss_of(const at::Tensor& logits, const at::Tensor& label, Step& step,
                     bool records) const {
    if (options_.loss == "nnunet")
      return nnunet_dc_ce(logits, label, {.batch = options_.batch_dice}, *step.comm);
    const at::Tensor ce = cross_entropy(logits, label, *step.comm);
    const at::Tensor dice = options_.dice(logits.softmax(1), label, *step.comm);
    if (records) {
      step.record("loss.supervised_ce", ce);
      step.record("loss.supervised_dice", dice);
    }
    return 0.5 * (ce + dice);
  }

  Stage stage_;
  Options options_;
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
