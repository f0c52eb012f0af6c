// SPDX-License-Identifier: Apache-2.0
// Uncertainty rectified pyramid consistency: Luo et al., MICCAI 2021, as HiLab-git/SSL4MIS
// train_uncertainty_rectified_pyramid_consistency_2D and _3D have it. The network has a head at
// each scale of its decoder, all resized to the image (unet_urpc, unet_3d_dv).
//
//   L_sup = mean over heads ½ (CE(z_s, y) + D(p_s, y))
//   p̄ = mean over heads p_s;  V_s = Σ_c p̄ (ln p̄ − ln p_s);  w_s = exp(−V_s)
//   L_s = mean((p̄ − p_s)² w_s) / (mean(w_s) + 1e-8) + mean(V_s)      of unlabelled samples
//   L = L_sup + λ(t) · mean over heads L_s
//
// The first mean is over classes, too. No gradient is stopped. The full-resolution head is
// deployed.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/single_network.h"

namespace semiseg::urpc {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  LabelledDice dice = nullptr;

  static Options read(const Config& section, const NetworkShape& shape) {
    return {.consistency = ConsistencyOptions::read(section, {.weight = 0.1}),
            .dice = read_labelled_dice(section, shape.classes)};
  }
};

class PyramidConsistency : public SingleNetwork {
 public:
  explicit PyramidConsistency(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options, context.shape)) {}

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const NetworkOutput out = forward_all(batch, step);
    const auto heads = auxiliary_heads(out, "urpc", "unet_urpc");
    const at::Tensor supervised =
        labelled_loss_of_heads(out.logits, heads, labelled.label, options_.dice, step);
    const at::Tensor consistency = consistency_of(out.logits, heads, labelled.size(), step);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.consistency", consistency);
    step.record("consistency_weight", weight);
    finish(supervised + weight * consistency, step);
  }

 private:
  static at::Tensor consistency_of(const at::Tensor& logits, const std::vector<NamedTensor>& others,
                                   int64_t b, Step& step) {
    std::vector<NamedTensor> heads = {{"main", logits}};
    heads.insert(heads.end(), others.begin(), others.end());
    at::Tensor mean;
    for (const NamedTensor& head : heads) {
      const at::Tensor p = head.value.slice(0, b).softmax(1);
      mean = mean.defined() ? mean + p : p;
    }
    mean = mean / static_cast<double>(heads.size());
    at::Tensor sum;
    for (const NamedTensor& head : heads) {
      const at::Tensor one = rectified_distance(head.value.slice(0, b), mean, step);
      step.record("loss.consistency_" + head.name, one);
      sum = sum.defined() ? sum + one : one;
    }
    return sum / static_cast<double>(heads.size());
  }

  // L_s; the three means over all ranks.
  static at::Tensor rectified_distance(const at::Tensor& logits, const at::Tensor& mean,
                                       Step& step) {
    const at::Tensor variance =
        at::kl_div(logits.log_softmax(1), mean, at::Reduction::None).sum(1, /*keepdim=*/true);
    const at::Tensor weight = (-variance).exp();
    const at::Tensor distance = (mean - logits.softmax(1)).square() * weight;
    const auto pixels = static_cast<double>(variance.numel());
    const at::Tensor count = at::full({}, pixels, variance.options());
    const at::Tensor sums = step.comm->sum(
        at::stack({distance.sum(), weight.sum(), variance.sum(), count}).to(at::kDouble));
    const at::Tensor all = sums[3].clamp_min(1);
    const at::Tensor loss =
        sums[0] / (all * static_cast<double>(mean.size(1))) / (sums[1] / all + 1e-8) +
        sums[2] / all;
    return loss.to(logits.scalar_type());
  }

  Options options_;
};

const bool registered =
    MethodRegistry::instance().add({.name = "urpc",
                                    .summary = "Heads at all scales agree where they are sure",
                                    .family = "consistency",
                                    .paper = "Luo et al., MICCAI 2021",
                                    .networks = {.slices = "unet_urpc", .volumes = "unet_3d_dv"},
                                    .read_options = read_and_forget<Options>,
                                    .make = [](const MethodContext& context) {
                                      return std::make_unique<PyramidConsistency>(context);
                                    }});

}  // namespace
}  // namespace semiseg::urpc
