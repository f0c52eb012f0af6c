// SPDX-License-Identifier: Apache-2.0
// Cross teaching between CNN and Transformer: Luo et al., MIDL 2022, as HiLab-git/SSL4MIS
// train_cross_teaching_between_cnn_transformer_2D has it.
//
//   L_i = ½ (CE(z_i, y) + D(p_i, y)) + λ(t) · D(p_i(x_u), argmax z_j(x_u)),  i ≠ j ∈ {1, 2}
//
// D is the Dice over all classes with squared denominators. Two networks with their own initial
// weights and optimisers; the pseudo-labels carry no gradient, so the two losses share no
// parameter. The reference's second network is a SwinUNet on patches of 224², where it starts from
// ImageNet weights. Network 1 is deployed.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/networks/network_pair.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::cross_teaching {
namespace {

struct Options {
  ConsistencyOptions consistency;
  std::string second;

  static Options read(const Config& section, const NetworkShape& shape) {
    return {.consistency = ConsistencyOptions::read(section, {.weight = 0.1}),
            .second = read_second_network(section, shape)};
  }
};

class CrossTeaching : public NetworkPair {
 public:
  CrossTeaching(const MethodContext& context, const Options& options)
      : NetworkPair(context, labelled_and_unlabelled(context), {}, options.second),
        consistency_(options.consistency) {}

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    at::Tensor logits[2], pseudo[2];
    for (int i = 0; i < 2; ++i) {
      logits[i] = forward(i, batch.joined(), batch.samples, step).logits;
      pseudo[i] = logits[i].slice(0, b).detach().argmax(1);
    }
    const double weight = consistency_weight(consistency_, step.iteration, step.stage_iterations);
    step.record("consistency_weight", weight);
    at::Tensor totals[2];
    for (int i = 0; i < 2; ++i) {
      const at::Tensor supervised =
          supervised_loss(logits[i].slice(0, 0, b), labelled.label, *step.comm);
      const at::Tensor cross = dice_sq(logits[i].slice(0, b).softmax(1), pseudo[1 - i], *step.comm);
      totals[i] = supervised + weight * cross;
      record_of(i, "loss.supervised", supervised, step);
      record_of(i, "loss.pseudo", cross, step);
      record_of(i, "loss.total", totals[i], step);
      step.minimise(*optimisers_[static_cast<size_t>(i)], totals[i]);
    }
    step.record("loss.total", totals[0] + totals[1]);
  }

 private:
  ConsistencyOptions consistency_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "cross_teaching",
     .summary = "A CNN and a Transformer teach each other with hard pseudo-labels",
     .family = "pseudo-labels",
     .paper = "Luo et al., MIDL 2022",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<CrossTeaching>(context,
                                              Options::read(context.options, context.shape));
     }});

}  // namespace
}  // namespace semiseg::cross_teaching
