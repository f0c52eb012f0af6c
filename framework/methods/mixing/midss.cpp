// SPDX-License-Identifier: Apache-2.0
// MiDSS, intermediate domains: Ma et al., CVPR 2024, as MQinghe/MiDSS train.py and train_MNMS.py
// have it. Labelled image i and unlabelled image i, weak view w and strong view s, are cut into
// each other; m = 1 inside the box of the pair.
//
//   x̃_l     labelled image with a share ρ = (t/T) u of the low-frequency amplitudes of x_w;
//            u ~ U(0, 1)
//   teacher  q = f'(x_w), q_ul = f'(x_w (1 − m) + x_l m), q_lu = f'(x_l (1 − m) + x_w m), in
//            training mode; ŷ argmax of q, c where max p > τ (sigmoids: p ≥ ½; p ≥ τ or p ≤ 1 − τ);
//            ŷ_s = ŷ_ul (1 − m) + ŷ_lu m, c_s likewise, 0 where ŷ_s ≠ ŷ or c = 0
//   student  z = f(x_l), y
//            z_ul = f(x_s (1 − m) + x̃_l m), ŷ (1 − m) + y m, certain inside the box
//            z_lu = f(x̃_l (1 − m) + x_s m), y (1 − m) + ŷ m, certain outside
//            z_s = f(x_s), ŷ_s
//   L = CE + D of z + w (L_ul + L_lu + w L_s),  w = R(t);  masked CE and D in losses_certain.h
//   teacher  parameters, α = min(1 − 1/(t + 1), 0.99); own initial weights
//
// head = nested_sigmoid has two outputs for labels 0, 1 (disc), 2 (cup). Slices only. The reference
// trains with SGD 0.03; its domains are those of the setting. The student is deployed. Not a base
// for transferable augmentation: the student sees no labelled pixel that is not part of a mix but
// in z.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/certain_head.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/mixing/cutmix_views.h"
#include "framework/nn/ema.h"
#include "framework/nn/kernels/amplitude_mix.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::midss {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 1};
  EmaOptions ema{.decay = 0.99, .warmup = true, .buffers = "none"};
  CutmixOptions cutmix{.probability = 1};
  CertainHeadOptions head;
  double window = 0.01;
  std::vector<double> range = {0, 1};

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.ema = EmaOptions::read(section, o.ema);
    o.cutmix = read_cutmix(section, o.cutmix);
    o.head = CertainHeadOptions::read(section, shape);
    section.read("amplitude_window", o.window, {0, 0.5},
                 "Half side of the square of low frequencies whose amplitudes are mixed, as a "
                 "fraction of the shorter side. Raise it for stronger styles.");
    section.read("image_range", o.range, {-1e9, 1e9},
                 "Intensities that stand for 0 and 255 of an 8-bit image. The reference's images "
                 "are in [-1, 1].");
    if (o.range.size() != 2 || o.range[0] >= o.range[1])
      section.fail("image_range", "these make no range", "two numbers, the smaller first");
    return o;
  }
};

std::vector<std::vector<int64_t>> pairs(int64_t count) {
  std::vector<std::vector<int64_t>> groups;
  for (int64_t i = 0; i < count; ++i) groups.push_back({i, count + i});
  return groups;
}

class Midss : public Method {
 public:
  Midss(const MethodContext& context, const Options& options)
      : options_(options),
        stage_{.name = "train",
               .iterations = context.iterations,
               .streams = labelled_and_unlabelled(context, {kWeakView, "strong"}),
               .colocated = pairs(context.labelled)},
        student_(make(context, "student")),
        teacher_(make(context, "teacher")),
        optimiser_(make_optimiser("student", student_->parameters(), context.optimiser)),
        predictor_(*student_, options.head) {
    if (context.batch != 2 * context.labelled || context.shape.patch_size.size() != 2) {
      context.options.fail("name", "midss pairs labelled and unlabelled slices",
                           "slices, and protocol.batch = 2 · protocol.labelled_batch",
                           "e.g. protocol.batch=8 protocol.labelled_batch=4");
    }
  }

  Plan plan() const override { return {{stage_}}; }

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const at::Tensor &x = labelled.image(), &weak = unlabelled.image(),
                     &strong = unlabelled.image("strong");
    const at::Tensor styled = with_style(x, weak, labelled.samples, step);
    const at::Tensor inside =
        draw_boxes(options_.cutmix, "cutmix_box", labelled.samples, x.sizes().slice(2), step)
            .to(x.device());
    const auto teach = [&](const at::Tensor& image, const std::string& pass) {
      const at::NoGradGuard no_grad;
      return options_.head.certain(
          teacher_->forward(image, step.train_pass("teacher/" + pass, labelled.samples)).logits);
    };
    const CertainLabel plain = teach(weak, "weak");
    const CertainLabel outside_first = teach(pasted(weak, x, inside), "unlabelled_outside"),
                       outside_second = teach(pasted(x, weak, inside), "labelled_outside");
    const CertainLabel symmetric = agreed(plain, outside_first, outside_second, inside);
    const CertainLabel truth = options_.head.truth(labelled.label, x.scalar_type());

    const auto learn = [&](const at::Tensor& image, const std::string& pass) {
      return student_->forward(image, step.train_pass("student/" + pass, labelled.samples)).logits;
    };
    const at::Tensor supervised = loss_of(learn(x, "labelled"), truth, "supervised", step);
    const at::Tensor outside_u =
        loss_of(learn(pasted(strong, styled, inside), "unlabelled_outside"),
                pasted(plain, truth, inside), "mixed_unlabelled_outside", step);
    const at::Tensor outside_l =
        loss_of(learn(pasted(styled, strong, inside), "labelled_outside"),
                pasted(truth, plain, inside), "mixed_labelled_outside", step);
    const at::Tensor both = loss_of(learn(strong, "strong"), symmetric, "symmetric", step);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    const at::Tensor total = supervised + weight * (outside_u + outside_l + weight * both);
    step.record("consistency_weight", weight);
    step.record("certain_fraction",
                global_mean(plain.certain.to(x.scalar_type()).sum(),
                            static_cast<double>(plain.certain.numel()), *step.comm));
    step.record("loss.total", total);
    step.minimise(*optimiser_, total);
  }

  void after_step(Step& step) override {
    update_teacher(*teacher_, *student_, options_.ema, step.iteration);
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    visitor.scope("student", [this](StateVisitor& v) { student_->state(v); });
    visitor.scope("teacher", [this](StateVisitor& v) { teacher_->state(v); });
    optimiser_->state(visitor);
  }

 private:
  std::unique_ptr<Backbone> make(const MethodContext& context, const char* net) const {
    NetworkShape shape = context.shape;
    shape.classes = options_.head.outputs(shape.classes);
    return context.make_network({.net = net, .shape = shape});
  }

  at::Tensor with_style(const at::Tensor& image, const at::Tensor& style, const SampleIds& samples,
                        const Step& step) const {
    const double low = options_.range[0], scale = 255 / (options_.range[1] - low);
    const double progress =
        static_cast<double>(step.iteration) / static_cast<double>(step.stage_iterations);
    const at::Tensor ratio =
        progress * step.draws->uniform("amplitude_ratio", {}, samples).to(at::kDouble);
    const at::Tensor mixed =
        amplitude_mix((image - low) * scale, (style - low) * scale, ratio, options_.window);
    return (mixed / scale + low).to(image.scalar_type());
  }

  // Symmetric guidance: certain where both mixes and the plain prediction agree.
  static CertainLabel agreed(const CertainLabel& plain, const CertainLabel& outside_u,
                             const CertainLabel& outside_l, const at::Tensor& inside) {
    CertainLabel both = pasted(outside_u, outside_l, inside);
    both.certain =
        at::logical_and(both.certain, at::logical_and(both.label == plain.label, plain.certain));
    return both;
  }

  at::Tensor loss_of(const at::Tensor& logits, const CertainLabel& target, const std::string& name,
                     Step& step) const {
    const CertainLoss loss = options_.head.loss(logits, target, *step.comm);
    const at::Tensor sum = loss.dice + loss.cross_entropy;
    step.record("loss." + name, sum);
    return sum;
  }

  Options options_;
  Stage stage_;
  std::unique_ptr<Backbone> student_, teacher_;
  std::unique_ptr<Optimiser> optimiser_;
  CertainPredictor predictor_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "midss",
     .summary = "Images between domains by copy-paste and mixed amplitudes",
     .family = "copy-paste",
     .paper = "Ma et al., CVPR 2024",
     .networks = {.slices = "any", .volumes = "none"},
     .small = [](int64_t) { return "threshold = 0.35"; },
     .read_options = read_and_forget<Options>,
     .make =
         [](const MethodContext& context) {
           return std::make_unique<Midss>(context, Options::read(context.options, context.shape));
         }});

}  // namespace
}  // namespace semiseg::midss
