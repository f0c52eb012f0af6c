// SPDX-License-Identifier: Apache-2.0
// AD-MT, alternate diverse teaching: Zhao et al., ECCV 2024, as ZhenZHAO/AD-MT train_post_2d_aut
// and train_post_3d_aut have it. Two teachers take turns of random length; both label the weak
// view.
//
//   p_1, p_2   softmax of the teachers, no gradient; the one whose turn it is in training mode, the
//              other in evaluation mode;  M = [argmax p_1 ≠ argmax p_2]
//   q          e^(−H_1) and e^(−H_2) weighted mean of p_1 and p_2 per pixel, H the entropy in bits;
//              ŷ, c = argmax and maximum of q
//   strong     turn 1: the strong view; turn 2: copy-paste of the weak views (permuted_paste.h),
//              with ŷ, c and M mixed along
//   vote       s = softmax of the student on the weak view: where M, argmax s ≠ ŷ and max s > c,
//              the student's label and confidence count
//   L = ½ (CE + D)(z_x, y) + λ(t) L_u(z_s, ŷ over c ≥ τ),  L_u: slices D, volumes CE
//   teacher    of the turn: θ' ← α θ' + (1 − α) θ, buffers too; j = t div 2; α = 0 if j < L, else
//              min(1 − 1/(j − L + 1), 0.99)
//
// The student sees labelled, weak and strong images as one batch. In turn 2 the vote of the
// reference is that on unmixed images (student_vote_on). No pixel above τ: 0 here, NaN in the
// reference's volumes (empty_mask). Student, teachers begin with weights of their own. Not a base
// for transferable augmentation: it has two teachers.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/mixing/permuted_paste.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/ema.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::ad_mt {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 2, .rampup = 0.25, .rampup_steps = 50};
  LabelledDice dice = nullptr;
  EmaOptions ema{.decay = 0.99, .warmup = false, .buffers = "average"};
  double threshold = 0.95, paste_probability = 1;
  int64_t warmup_start = 50, period = 50, first_turn = 1;
  std::string loss = "dice", ensemble = "entropy", vote = "unmixed", empty = "zero";

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    if (shape.patch_size.size() == 3) {
      o.consistency = {.weight = 2, .rampup = 0.4, .rampup_steps = 40};
      o.threshold = 0.8;
      o.warmup_start = 40;
      o.period = 19;
      o.loss = "ce";
    }
    o.dice = read_labelled_dice(section, shape.classes);
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.ema = EmaOptions::read(section, o.ema);
    section.read(
        "conf_thresh", o.threshold, {0, 1},
        "Confidence from which a pseudo-label counts. Lower it when mask_ratio stays low.");
    section.read("cutmix_probability", o.paste_probability, {0, 1},
                 "Probability that turn 2 mixes images at all.");
    section.read("ema_warmup_start", o.warmup_start, {0, 1e9},
                 "Half the number of iterations in which a teacher is a copy of the student in its "
                 "turn. Lower it for short trainings.");
    section.read("alternate_period", o.period, {1, 1e9},
                 "Longest turn of a teacher, in iterations; turns are drawn from 1 to it. The "
                 "reference takes about half an epoch.");
    section.read("alternate_state", o.first_turn, {1, 2}, "Teacher with the first turn.");
    section.read("unlabelled_loss", o.loss, {"dice", "ce"},
                 "Loss on pseudo-labels. The default is that of the reference.");
    section.read("ensemble_weight", o.ensemble, {"entropy", "mean"},
                 "Weights of the two teachers: by their entropy, or alike as in the reference "
                 "before January 2024.");
    section.read("student_vote_on", o.vote, {"unmixed", "mixed"},
                 "Images of the student's vote in turn 2: unmixed as in the reference, or mixed "
                 "like the labels that it may change.");
    section.read("empty_mask", o.empty, {"zero", "nan"},
                 "Cross entropy when no pixel counts; nan is the reference's, and stops the run.");
    return o;
  }
};

// The unlabelled images mix with each other; labelled ones are free.
std::vector<std::vector<int64_t>> groups(const MethodContext& context) {
  std::vector<std::vector<int64_t>> all;
  for (int64_t i = 0; i < context.labelled; ++i) all.push_back({i});
  auto& unlabelled = all.emplace_back();
  for (int64_t i = context.labelled; i < context.batch; ++i) unlabelled.push_back(i);
  return all;
}

// The teachers' common answer.
struct Ensemble {
  at::Tensor label, confidence, conflict;  // [u,S]; conflict is bool
};

class AlternateTeaching : public SingleNetwork {
 public:
  explicit AlternateTeaching(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context, {kWeakView, "strong"}),
                      groups(context)),
        options_(Options::read(context.options, context.shape)),
        teachers_{context.make_network({"teacher1"}), context.make_network({"teacher2"})},
        turn_(options_.first_turn) {}

  void step(const Batch& batch, Step& step) override {
    if (period_ == 0) period_ = draw_period("once.alternate_period", step);
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const int64_t b = labelled.size(), u = unlabelled.size();
    Ensemble target = ask_teachers(unlabelled, step);
    const PermutedPaste paste = draw_mix(unlabelled, step);
    const bool mixes = turn_ == 2 && paste.inside.defined();
    const at::Tensor strong = turn_ == 1 ? unlabelled.image("strong")
                              : mixes    ? paste.of(unlabelled.image())
                                         : unlabelled.image();
    if (mixes) {
      target = {paste.of(target.label), paste.of(target.confidence), paste.of(target.conflict)};
    }
    SampleIds ids = batch.samples;
    for (const int64_t id : unlabelled.samples) ids.push_back(id + (int64_t{1} << 40));
    const at::Tensor logits = network_
                                  ->forward(at::cat({labelled.image(), unlabelled.image(), strong}),
                                            step.train_pass("student", ids))
                                  .logits;
    const at::Tensor supervised =
        labelled_loss(logits.slice(0, 0, b), labelled.label, options_.dice, step);
    const at::Tensor above = target.confidence >= options_.threshold;
    step.record("loss.mask_ratio", global_mean(above.to(logits.scalar_type()).sum(),
                                               static_cast<double>(above.numel()), *step.comm));
    vote(logits.slice(0, b, b + u).detach(), mixes ? &paste : nullptr, target, step);
    const at::Tensor unsupervised = unlabelled_loss(logits.slice(0, b + u), target, step);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.unsupervised", unsupervised);
    step.record("consistency_weight", weight);
    finish(supervised + weight * unsupervised, step);
  }

  void after_step(Step& step) override {
    EmaOptions ema = options_.ema;
    const int64_t behind = step.iteration / 2 - options_.warmup_start;
    ema.decay =
        behind < 0 ? 0 : std::min(1 - 1 / (static_cast<double>(behind) + 1), options_.ema.decay);
    update_teacher(*teachers_[turn_ - 1], *network_, ema, step.iteration);
    if (++counter_ < period_) return;
    turn_ = 3 - turn_;
    counter_ = 0;
    period_ = draw_period("alternate_period", step);
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    for (size_t i = 0; i < 2; ++i) {
      visitor.scope("teacher" + std::to_string(i + 1),
                    [this, i](StateVisitor& v) { teachers_[i]->state(v); });
    }
    visitor.scope("turn", [this](StateVisitor& v) {
      v.scalar("turn", turn_);
      v.scalar("counter", counter_);
      v.scalar("period", period_);
    });
  }

 private:
  int64_t draw_period(const char* draw, const Step& step) const {
    return step.draws->integers(draw, {1}, 1, options_.period + 1).item<int64_t>();
  }

  at::Tensor ask(int64_t teacher, const Stream& unlabelled, const Step& step) {
    const at::NoGradGuard no_grad;
    const std::string name = "teacher" + std::to_string(teacher);
    Pass pass = step.train_pass(name, unlabelled.samples);
    pass.heads = {"deployed"};
    if (teacher != turn_) pass.mode = NetworkMode::kEval;
    return teachers_[teacher - 1]->forward(unlabelled.image(), pass).logits.softmax(1);
  }

  Ensemble ask_teachers(const Stream& unlabelled, const Step& step) {
    const at::NoGradGuard no_grad;
    const at::Tensor p1 = ask(1, unlabelled, step), p2 = ask(2, unlabelled, step);
    const auto trust = [&](const at::Tensor& p) {
      if (options_.ensemble == "mean") return at::ones_like(p.slice(1, 0, 1));
      const at::Tensor bits = -(p * (p + 1e-10).log()).sum(1, /*keepdim=*/true) / std::numbers::ln2;
      return (-bits).exp();
    };
    const at::Tensor t1 = trust(p1), t2 = trust(p2), w = t1 / (t1 + t2);
    at::Tensor q = w * p1 + (1 - w) * p2;
    q = q / q.sum(1, /*keepdim=*/true);
    const auto [confidence, label] = q.max(1);
    return {label, confidence, p1.argmax(1) != p2.argmax(1)};
  }

  // Undefined unless turn 2 mixes.
  PermutedPaste draw_mix(const Stream& unlabelled, const Step& step) const {
    if (turn_ == 1) return {};
    const double gate = step.draws->uniform("mix_gate", {1}).item<double>();
    if (gate >= options_.paste_probability) return {};
    const at::IntArrayRef size = unlabelled.image().sizes().slice(2);
    return draw_paste("", unlabelled.samples, size, static_cast<int64_t>(size.size()), step);
  }

  void vote(const at::Tensor& weak, const PermutedPaste* paste, Ensemble& target,
            Step& step) const {
    auto [confidence, label] = weak.softmax(1).max(1);
    if (paste && options_.vote == "mixed") {
      confidence = paste->of(confidence);
      label = paste->of(label);
    }
    const at::Tensor differs = at::logical_and(target.conflict, label != target.label);
    const at::Tensor wins = at::logical_and(differs, confidence > target.confidence);
    target.label = at::where(wins, label, target.label);
    target.confidence = at::where(wins, confidence, target.confidence);
    step.record("student_conflict_count",
                step.comm->sum(differs.to(at::kDouble).sum().unsqueeze(0)).squeeze(0));
  }

  at::Tensor unlabelled_loss(const at::Tensor& logits, const Ensemble& target,
                             const Step& step) const {
    const at::Tensor counts = target.confidence >= options_.threshold;
    if (options_.loss == "dice")
      return dice_sq_confident(logits.softmax(1), target.label, counts, *step.comm);
    const at::Tensor loss = cross_entropy(logits, target.label, counts, *step.comm);
    if (options_.empty == "zero") return loss;
    const at::Tensor number = step.comm->sum(counts.to(at::kDouble).sum().unsqueeze(0));
    return number.item<double>() > 0 ? loss : loss * std::numeric_limits<double>::quiet_NaN();
  }

  Options options_;
  std::unique_ptr<Backbone> teachers_[2];
  int64_t turn_, counter_ = 0, period_ = 0;  // period 0: not drawn yet
};

const bool registered = MethodRegistry::instance().add(
    {.name = "ad_mt",
     .summary = "Two teachers take turns, and the student votes where they disagree",
     .family = "pseudo-labels",
     .paper = "Zhao et al., ECCV 2024",
     .small =
         [](int64_t) { return "conf_thresh = 0.3\nalternate_period = 2\nema_warmup_start = 0"; },
     .read_options = read_and_forget<Options>,
     .make =
         [](const MethodContext& context) {
           return std::make_unique<AlternateTeaching>(context);
         }});

}  // namespace
}  // namespace semiseg::ad_mt
