// SPDX-License-Identifier: Apache-2.0
// Deep co-training in the form of HiLab-git/SSL4MIS train_deep_co_training_2D: one network, whose
// predictions of turned and of unturned images agree. Qiao et al., ECCV 2018, train two networks on
// two views.
//
//   a = turn(p_u, k),  r = softmax(network(turn(x_u, k))),  k ∈ {0, 1, 2, 3} quarter turns
//   L = ½ (CE(z_l, y) + D(p_l, y)) + λ(t) · ½ (mean (stop(r) − a)² + mean (r − stop(a))²)
//
// Turns are from the first to the second spatial axis. Slices only, as in the reference, and square
// ones.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::deep_co_training {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  LabelledDice dice = nullptr;

  static Options read(const Config& section, const NetworkShape& shape) {
    return {.consistency = ConsistencyOptions::read(section, {.weight = 0.1}),
            .dice = read_labelled_dice(section, shape.classes)};
  }
};

void check_patch(const MethodContext& context) {
  const auto& size = context.shape.patch_size;
  if (size.size() == 2 && size[0] == size[1]) return;
  context.options.fail("name", "deep_co_training turns slices by quarters",
                       "protocol.patch_size of two equal sides",
                       "e.g. protocol.patch_size=[256,256]");
}

class DeepCoTraining : public SingleNetwork {
 public:
  explicit DeepCoTraining(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options, context.shape)) {
    check_patch(context);
  }

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const int64_t turns = step.draws->integers("rotation", {1}, 0, 4).item<int64_t>();
    const at::Tensor logits = forward_all(batch, step).logits;
    const at::Tensor turned = network_
                                  ->forward(at::rot90(unlabelled.image(), turns, {2, 3}),
                                            step.train_pass("student/turned", unlabelled.samples))
                                  .logits;
    const at::Tensor supervised =
        labelled_loss(logits.slice(0, 0, labelled.size()), labelled.label, options_.dice, step);
    const at::Tensor a = at::rot90(logits.slice(0, labelled.size()).softmax(1), turns, {2, 3}),
                     r = turned.softmax(1);
    const at::Tensor consistency =
        0.5 * (mean_teacher_mse(a, r, *step.comm) + mean_teacher_mse(r, a, *step.comm));
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.consistency", consistency);
    step.record("consistency_weight", weight);
    finish(supervised + weight * consistency, step);
  }

 private:
  Options options_;
};

const bool registered =
    MethodRegistry::instance().add({.name = "deep_co_training",
                                    .summary = "Predictions of turned and of unturned slices agree",
                                    .family = "consistency",
                                    .paper = "Qiao et al., ECCV 2018",
                                    .networks = {.slices = "any", .volumes = "none"},
                                    .read_options = read_and_forget<Options>,
                                    .make = [](const MethodContext& context) {
                                      return std::make_unique<DeepCoTraining>(context);
                                    }});

}  // namespace
}  // namespace semiseg::deep_co_training
