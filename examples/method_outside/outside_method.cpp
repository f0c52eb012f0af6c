// SPDX-License-Identifier: Apache-2.0
// Entropy minimisation (Grandvalet and Bengio, NeurIPS 2004), written as a user writes a method
// outside the tree.
//
//   L = ½ (CE(z, y) + D(p, y)) - λ · mean over unlabelled pixels of Σ_k p_k ln p_k
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/methods/method.h"
#include "framework/methods/parts/networks/network_predictor.h"
#include "framework/nn/losses/losses.h"

namespace {

using namespace semiseg;

constexpr double kWeight = 0.01;  // λ

class OutsideMethod : public Method {
 public:
  explicit OutsideMethod(const MethodContext& context)
      : stage_{.name = "train",
               .iterations = context.iterations,
               .streams = labelled_and_unlabelled(context)},
        network_(context.make_network({"net"})),
        optimiser_(make_optimiser("net", network_->parameters(), context.optimiser)),
        predictor_(*network_) {}

  Plan plan() const override { return {{stage_}}; }

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const at::Tensor logits =
        network_->forward(batch.joined(), step.train_pass("net", batch.samples)).logits;
    const at::Tensor log_p = at::log_softmax(logits.slice(0, labelled.size()), 1);
    const at::Tensor entropy =
        global_mean(-(log_p.exp() * log_p).sum(),
                    static_cast<double>(log_p.numel() / log_p.size(1)), *step.comm);
    const at::Tensor supervised =
        supervised_loss(logits.slice(0, 0, labelled.size()), labelled.label, *step.comm);
    step.record("loss.entropy", entropy);
    const at::Tensor total = supervised + kWeight * entropy;
    step.record("loss.supervised", supervised);
    step.record("loss.total", total);  // progress line, report and conformance suite read this name
    step.minimise(*optimiser_, total);
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    visitor.scope("net", [this](StateVisitor& v) { network_->state(v); });
    optimiser_->state(visitor);
  }

 private:
  Stage stage_;
  std::unique_ptr<Backbone> network_;
  std::unique_ptr<Optimiser> optimiser_;
  NetworkPredictor predictor_;
};

const bool registered =
    MethodRegistry::instance().add({.name = "outside_method",
                                    .summary = "Entropy minimisation on unlabelled images",
                                    .family = "entropy minimisation",
                                    .paper = "Grandvalet & Bengio, NIPS 2004",
                                    .make = [](const MethodContext& context) {
                                      return std::make_unique<OutsideMethod>(context);
                                    }});

}  // namespace
