// SPDX-License-Identifier: Apache-2.0
// Adaptive bidirectional displacement on cross teaching: Chi et al., CVPR 2024, as chy-upc/ABD
// train_ACDC_Cross_Teaching has it. Network 1 sees the weak view of a slice, network 2 the strong
// one. Patches of patch_size² pixels (patch_displacement.h).
//
//   unlabelled   the least confident patch of view 1 becomes, of the top_num most confident ones of
//                view 2, the one with the likest classes; then view 2 likewise from view 1
//   labelled     each with probability ½: the most confident patch of view 1 becomes the least
//                confident of view 2, then the same the other way round, labels along
//   L_i = L_sup,i + 2 L_I,i + λ(t) (D(p_i, ŷ_j) + L_R,i),  i ≠ j
//     L_sup = ½ (CE + D) on the network's own view,  L_I the same on both displaced labelled views,
//     L_R = D(p_i, argmax of network j) on both displaced unlabelled views
//
// The second copy of a displacement sees the first one's result. L_I counts in the first 2/3 of the
// training. D is the Dice over all classes with squared denominators. The reference's second
// network is a SwinUNet on patches of 224²; its strong view cuts holes with background as their
// label, where a view has a label of its own. The form on BCP is not here. Slices only. Network 1
// is deployed.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/mixing/patch_displacement.h"
#include "framework/methods/parts/networks/network_pair.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::abd {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  std::string base = "cross_teaching", second;
  int64_t patch = 56, candidates = 4;
  double displaced_weight = 2, displaced_until = 2.0 / 3;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    if (shape.patch_size.size() == 2) o.patch = std::max<int64_t>(1, shape.patch_size[0] / 4);
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    section.read("base", o.base, {"cross_teaching"},
                 "Method that the displacement is added to. There is one.");
    section.read("patch_size", o.patch, {1, 4096},
                 "Side of the patches that are exchanged, in pixels; it divides the sides of the "
                 "slice. A quarter of them in the reference.");
    section.read("top_num", o.candidates, {1, 4096},
                 "Number of confident patches that may replace an unsure one. Raise it for patches "
                 "of more alike classes, lower it for surer ones.");
    section.read("displaced_supervised_weight", o.displaced_weight, {0, 100},
                 "Weight of the loss on displaced labelled slices.");
    section.read("displaced_supervised_until", o.displaced_until, {0, 1},
                 "Fraction of the training up to which that loss counts.");
    o.second = read_second_network(section, shape);
    return o;
  }
};

// Two views of the same samples.
struct Views {
  at::Tensor first, second;  // [n,C,H,W]
  at::Tensor label_first = {}, label_second = {};
};

std::vector<StreamPlan> weak_and_strong(const MethodContext& context) {
  std::vector<StreamPlan> streams = labelled_and_unlabelled(context, {kWeakView, "strong"});
  streams[0].views = {kWeakView, "strong"};
  return streams;
}

class Abd : public NetworkPair {
 public:
  Abd(const MethodContext& context, const Options& options)
      : NetworkPair(context, weak_and_strong(context), {}, options.second), options_(options) {
    for (const int64_t side : context.shape.patch_size) {
      if (side % options_.patch != 0 || context.shape.patch_size.size() != 2) {
        context.options.fail("patch_size", "the patches do not fill the slice",
                             "a divisor of both sides of protocol.patch_size");
      }
    }
  }

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const int64_t b = labelled.size();
    const at::Tensor images[2] = {batch.joined(), batch.joined("strong")};
    const at::Tensor labels[2] = {labelled.label, labelled.label_in("strong")};
    at::Tensor logits[2], pseudo[2];
    for (int i = 0; i < 2; ++i) {
      logits[i] = forward(i, images[i], batch.samples, step).logits;
      pseudo[i] = logits[i].slice(0, b).detach().argmax(1);
    }
    const PatchScores scores[2] = {score_patches(logits[0].detach(), options_.patch),
                                   score_patches(logits[1].detach(), options_.patch)};
    const Views rewarded = displaced_unlabelled(unlabelled, scores, b);
    const Views informed = displaced_labelled(labelled, scores, step);
    const at::Tensor new_u = at::cat({rewarded.first, rewarded.second}),
                     new_l = at::cat({informed.first, informed.second}),
                     new_label = at::cat({informed.label_first, informed.label_second});
    at::Tensor logits_u[2], pseudo_u[2], logits_l[2];
    for (int i = 0; i < 2; ++i) {
      logits_l[i] = forward(i, new_l, twice(labelled.samples), step, "/displaced_labelled").logits;
      logits_u[i] =
          forward(i, new_u, twice(unlabelled.samples), step, "/displaced_unlabelled").logits;
      pseudo_u[i] = logits_u[i].detach().argmax(1);
    }
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("consistency_weight", weight);
    const bool informs = static_cast<double>(step.iteration) <=
                         options_.displaced_until * static_cast<double>(step.stage_iterations);
    at::Tensor totals[2];
    for (int i = 0; i < 2; ++i) {
      const at::Tensor supervised =
          supervised_loss(logits[i].slice(0, 0, b), labels[i], *step.comm);
      const at::Tensor cross = dice_sq(logits[i].slice(0, b).softmax(1), pseudo[1 - i], *step.comm);
      const at::Tensor moved = dice_sq(logits_u[i].softmax(1), pseudo_u[1 - i], *step.comm);
      const at::Tensor told = supervised_loss(logits_l[i], new_label, *step.comm);
      totals[i] = supervised + weight * (cross + moved);
      if (informs) totals[i] = totals[i] + options_.displaced_weight * told;
      record_of(i, "loss.supervised", supervised, step);
      record_of(i, "loss.pseudo", cross, step);
      record_of(i, "loss.displaced_pseudo", moved, step);
      record_of(i, "loss.displaced_supervised", told, step);
      record_of(i, "loss.total", totals[i], step);
      step.minimise(*optimisers_[static_cast<size_t>(i)], totals[i]);
    }
    step.record("loss.total", totals[0] + totals[1]);
  }

 private:
  static SampleIds twice(const SampleIds& samples) {
    SampleIds ids = samples;
    for (const int64_t id : samples) ids.push_back(id + (int64_t{1} << 40));
    return ids;
  }

  Views displaced_unlabelled(const Stream& unlabelled, const PatchScores (&scores)[2],
                             int64_t b) const {
    Views views{unlabelled.image().clone(), unlabelled.image("strong").clone()};
    for (int64_t i = 0; i < unlabelled.size(); ++i) {
      const int64_t row = b + i;
      const int64_t low1 = scores[0].confidence[row].argmin().item<int64_t>(),
                    low2 = scores[1].confidence[row].argmin().item<int64_t>();
      const int64_t from2 = likest_patch(scores[0], low1, scores[1], row, options_.candidates),
                    from1 = likest_patch(scores[1], low2, scores[0], row, options_.candidates);
      copy_patch(views.first[i], low1, views.second[i], from2, options_.patch);
      copy_patch(views.second[i], low2, views.first[i], from1, options_.patch);
    }
    return views;
  }

  Views displaced_labelled(const Stream& labelled, const PatchScores (&scores)[2],
                           const Step& step) const {
    Views views{labelled.image().clone(), labelled.image("strong").clone(), labelled.label.clone(),
                labelled.label_in("strong").clone()};
    const at::Tensor gate =
        step.draws->uniform("displacement_gate", {}, labelled.samples).to(at::kCPU);
    for (int64_t i = 0; i < labelled.size(); ++i) {
      if (gate[i].item<double>() >= 0.5) continue;
      const int64_t high1 = scores[0].confidence[i].argmax().item<int64_t>(),
                    high2 = scores[1].confidence[i].argmax().item<int64_t>(),
                    low1 = scores[0].confidence[i].argmin().item<int64_t>(),
                    low2 = scores[1].confidence[i].argmin().item<int64_t>();
      copy_patch(views.first[i], high1, views.second[i], low2, options_.patch);
      copy_patch(views.label_first[i], high1, views.label_second[i], low2, options_.patch);
      copy_patch(views.second[i], high2, views.first[i], low1, options_.patch);
      copy_patch(views.label_second[i], high2, views.label_first[i], low1, options_.patch);
    }
    return views;
  }

  Options options_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "abd",
     .summary = "Unsure patches are displaced by sure ones of another view",
     .family = "copy-paste",
     .paper = "Chi et al., CVPR 2024",
     .networks = {.slices = "any", .volumes = "none"},
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<Abd>(context, Options::read(context.options, context.shape));
     }});

}  // namespace
}  // namespace semiseg::abd
