// SPDX-License-Identifier: Apache-2.0
// SS-Net, exploring smoothness and class separation: Wu et al., MICCAI 2022, as ycwu1997/SS-Net
// train_ss_2d and _3d have it. The network has projection and selection heads (unet_ssnet,
// vnet_ssnet).
//
//   L_vat   distance of f(x + ε d) and of the prediction on x without gradient, all samples; d is
//           the normalised gradient of that distance at x + ξ d₀, d₀ a random direction (Miyato et
//           al., PAMI 2019)
//   M_c     memory of class c ≥ 1: projections of labelled pixels that are right, at most 32, those
//           of the lowest score σ(S_c)
//   L_c     Σ_i w_i Σ_j (1 − cos(q_i, m_j)) / (|M_c| Σ_i w_i), q_i = prediction head of the
//           projections of class c (ground truth, or argmax where unlabelled), w_i = σ(S_c(stop
//           q_i)); Σ_c / K
//   L = D(p_l, y) + λ(t) (L_vat + 0.1 (L_c of labelled + L_c of unlabelled))
//
//                slices                                   volumes
//   D            squared denominators, all classes        linear, foreground
//   distance     dice_soft_target, ε = 6                  dice_lin_both, ε = 10
//   λ            0.1, ramp over the training              1, ramp over 2/5 of it
//
// As in the reference the score of memory rows weighs nothing: its factor w / w is 1. The lowest
// scores are kept, where its comment says the highest: memory_order. Running statistics move in the
// main and in the reference pass only.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/config/option_list.h"
#include "framework/methods/parts/class_memory_rows.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::ss_net {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  double magnitude = 6, xi = 10, contrast = 0.1;
  ClassRowsOptions memory;
  bool is_volume = false;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.is_volume = shape.patch_size.size() == 3;
    if (o.is_volume) {
      o.consistency = {.weight = 1, .rampup = 0.4, .rampup_steps = 40};
      o.magnitude = 10;
    }
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.memory = ClassRowsOptions::read(section);
    section.read("magnitude", o.magnitude, {0, 1000},
                 "Length ε of the adversarial perturbation of an image. Lower it when the "
                 "perturbed images lose their anatomy.");
    section.read("xi", o.xi, {1e-6, 1000},
                 "Length ξ of the random direction at which the adversarial one is found.");
    section.read("contrast_weight", o.contrast, {0, 100},
                 "Weight of the separation of classes beside the smoothness.");
    return o;
  }
};

// Each sample divided by its norm over all axes.
at::Tensor normalised(const at::Tensor& d) {
  at::Tensor norm = d.flatten(1).norm(2, {1}, /*keepdim=*/true);
  while (norm.dim() < d.dim()) norm = norm.unsqueeze(-1);
  return d / (norm + 1e-8);
}

// [N,A,S] → [N·S,A].
at::Tensor rows_of(const at::Tensor& features) {
  return features.flatten(2).transpose(1, 2).flatten(0, 1);
}

class SsNet : public SingleNetwork {
 public:
  explicit SsNet(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options, context.shape)),
        memory_(options_.memory, context.shape) {}

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    const at::Tensor image = batch.joined();
    const NetworkOutput out = forward_all(batch, step);
    const at::Tensor p = out.logits.softmax(1);
    const at::Tensor dice = overlap(p.slice(0, 0, b), labelled.label, *step.comm);
    const at::Tensor smoothness = adversarial_distance(image, batch.samples, step);

    const at::Tensor rows = rows_of(out.features.to(p.scalar_type()));
    const int64_t split = b * (rows.size(0) / std::max<int64_t>(1, image.size(0)));
    const at::Tensor rows_l = rows.slice(0, 0, split), rows_u = rows.slice(0, split),
                     label_l = labelled.label.flatten(),
                     label_u = p.slice(0, b).detach().argmax(1).flatten();
    remember(rows_l, label_l, p.slice(0, 0, b).detach().argmax(1).flatten(), step);
    const at::Tensor contrast_l = separation(rows_l, label_l, "labelled", step),
                     contrast_u = separation(rows_u, label_u, "unlabelled", step);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.supervised_dice", dice);
    step.record("loss.adversarial_smoothness", smoothness);
    step.record("loss.contrast_labelled", contrast_l);
    step.record("loss.contrast_unlabelled", contrast_u);
    step.record("consistency_weight", weight);
    finish(dice + weight * (smoothness + options_.contrast * (contrast_l + contrast_u)), step);
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    memory_.state(visitor);
  }

 private:
  at::Tensor overlap(const at::Tensor& p, const at::Tensor& label, const Communicator& comm) const {
    if (options_.is_volume && p.size(1) == 2) return dice_lin_fg(p, label, comm);
    return dice_masked_2d(p, label, {}, comm);
  }

  at::Tensor distance(const at::Tensor& p, const at::Tensor& q, const Communicator& comm) const {
    return options_.is_volume ? dice_lin_both(p, q, comm) : dice_soft_target(p, q, comm);
  }

  at::Tensor adversarial_distance(const at::Tensor& image, const SampleIds& samples, Step& step) {
    const auto predict = [&](const at::Tensor& x, const char* name, bool tracks) {
      Pass pass = step.train_pass(name, samples);
      pass.tracks = tracks;
      return network_->forward(x, pass).logits.softmax(1);
    };
    at::Tensor target;
    {
      const at::NoGradGuard no_grad;
      target = predict(image, "student/reference", true);
    }
    at::Tensor d =
        normalised(step.draws->uniform("adversarial_direction", image.sizes().slice(1), samples)
                       .to(image.options()) -
                   0.5);
    d.set_requires_grad(true);
    const at::Tensor probe =
        distance(predict(image + options_.xi * d, "student/power", false), target, *step.comm);
    const at::Tensor direction = normalised(step.gradients(probe, {d})[0]);
    return distance(predict(image + options_.magnitude * direction, "student/adversarial", false),
                    target, *step.comm);
  }

  // Labelled foreground pixels that are right enter the memory, as projections in evaluation mode.
  void remember(const at::Tensor& rows, const at::Tensor& label, const at::Tensor& predicted,
                Step& step) {
    const at::NoGradGuard no_grad;
    const at::Tensor right = at::logical_and(predicted == label, label > 0).nonzero().squeeze(1);
    const at::Tensor kept =
        network_->project("projection_head", rows.detach().index_select(0, right), Pass{});
    memory_.replace(
        kept, label.index_select(0, right), *step.comm, [&](int64_t c, const at::Tensor& of_class) {
          return network_->project(feature_selector(c), of_class, step.train_pass("selection", {}));
        });
  }

  at::Tensor separation(const at::Tensor& rows, const at::Tensor& label, const std::string& part,
                        Step& step) {
    const Pass pass = step.train_pass("contrast/" + part, {});
    const at::Tensor q = network_->project("prediction_head",
                                           network_->project("projection_head", rows, pass), pass);
    at::Tensor sum = at::zeros({}, rows.options());
    for (int64_t c = 0; c < memory_.classes(); ++c) {
      const at::Tensor of_class = q.index_select(0, (label == c).nonzero().squeeze(1));
      const at::Tensor count = at::full({1}, static_cast<double>(of_class.size(0)), at::kDouble);
      const double total = step.comm->sum(count).item<double>();
      if (total <= 1 || memory_.rows(c).size(0) <= 1) continue;
      sum = sum + class_distance(c, of_class, pass, step);
    }
    return sum / static_cast<double>(memory_.classes());
  }

  at::Tensor class_distance(int64_t c, const at::Tensor& q, const Pass& pass, Step& step) {
    const auto unit = [](const at::Tensor& x) {
      return x / x.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-12);
    };
    const at::Tensor rows = unit(memory_.rows(c));
    const at::Tensor distances = 1 - at::mm(unit(q), rows.t());
    const at::Tensor w = network_->project(feature_selector(c), q.detach(), pass).sigmoid();
    const at::Tensor factor = memory_factor(c, rows, pass, step);
    const at::Tensor sums =
        step.comm->sum(at::stack({(w * distances * factor).sum(), w.sum()}).to(at::kDouble));
    return (sums[0] / (static_cast<double>(rows.size(0)) * sums[1])).to(q.scalar_type());
  }

  // 1 for each row, with the reference's gradient of 0. One rank runs the head, so that its
  // statistics count each row once.
  at::Tensor memory_factor(int64_t c, const at::Tensor& rows, const Pass& pass, Step& step) {
    const bool is_first = step.comm->rank() == 0;
    const at::Tensor own = is_first ? rows : rows.slice(0, 0, 0);
    const at::Tensor w = network_->project(memory_selector(c), own, pass).sigmoid().t();
    if (is_first) return w / w.sum(0, /*keepdim=*/true);
    // The sum over no row keeps the head in the graph: its norm is collective on the way back, too.
    return at::ones({1, rows.size(0)}, rows.options()) + w.sum();
  }

  static std::string feature_selector(int64_t c) {
    return "contrastive_class_selector_" + std::to_string(c);
  }
  static std::string memory_selector(int64_t c) {
    return "contrastive_class_selector_memory" + std::to_string(c);
  }

  Options options_;
  ClassRows memory_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "ss_net",
     .summary = "Smooth predictions by adversarial noise, and separated classes",
     .family = "consistency",
     .paper = "Wu et al., MICCAI 2022",
     .networks = {.slices = "unet_ssnet", .volumes = "vnet_ssnet"},
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<SsNet>(context); }});

}  // namespace
}  // namespace semiseg::ss_net
