// SPDX-License-Identifier: Apache-2.0
// Uncertainty-aware mean teacher: Yu et al., MICCAI 2019, as HiLab-git/SSL4MIS
// train_uncertainty_aware_mean_teacher_2D and _3D have it.
//
//   q  = softmax(teacher(x_u + n)), no gradient;  n = clamp(0.1 N(0, 1), ±0.2)
//   m  = mean of T Monte-Carlo passes of the teacher, fresh noise and dropout in each
//   U  = −Σ_c m ln(m + 1e-6),  M = [U < H(t)],  H(t) = (0.75 + 0.25 R(t, t_max)) ln 2
//   L  = ½ (CE(z_l, y) + D(p_l, y)) + λ(t) Σ M Σ_c (p_u − q)² / (2 ΣM + 1e-16)
//   teacher parameters θ' ← α θ' + (1 − α) θ after every step
//
// As in the reference ln 2 and the divisor 2 stay for more classes than two, and a Monte-Carlo pass
// sees the unlabelled batch twice; `entropy_base` and `divisor` have the forms for K classes. Axes:
// b labelled and u unlabelled samples, K classes. The teacher runs in training mode. The student is
// deployed.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/mean_teacher_streams.h"
#include "framework/nn/ema.h"
#include "framework/nn/losses/losses_consistency.h"
#include "framework/nn/schedule.h"

namespace semiseg::ua_mt {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  LabelledDice dice = nullptr;
  EmaOptions ema{.decay = 0.99, .warmup = true, .buffers = "none"};
  TeacherNoise noise;
  int64_t mc_samples = 8;
  std::string entropy_base = "ln2", divisor = "two";

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.dice = read_labelled_dice(section, shape.classes);
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.ema = EmaOptions::read(section, o.ema);
    o.noise = TeacherNoise::read(section);
    section.read("mc_samples", o.mc_samples, {2, 64},
                 "Number of Monte-Carlo predictions of the teacher, an even one: each pass makes "
                 "two. Lower it for shorter steps, raise it for a steadier uncertainty.");
    section.read("entropy_base", o.entropy_base, {"ln2", "lnC"},
                 "Largest entropy that the threshold is a share of: ln 2 as in the reference, or "
                 "the logarithm of the number of classes. Take lnC when few pixels count.");
    section.read("divisor", o.divisor, {"two", "classes"},
                 "Divisor of the squared distances beside the number of pixels: 2 as in the "
                 "reference, or the number of classes, which makes a mean over classes.");
    if (o.mc_samples % 2 != 0) section.fail("mc_samples", "a pass makes two", "an even number");
    return o;
  }
};

class UncertaintyAwareMeanTeacher : public TeacherStudent {
 public:
  explicit UncertaintyAwareMeanTeacher(const MethodContext& context)
      : TeacherStudent(context),
        options_(Options::read(context.options, context.shape)),
        stage_{.name = "train",
               .iterations = context.iterations,
               .streams = labelled_and_unlabelled(context)} {}

  Plan plan() const override { return {{stage_}}; }

  ForwardPasses forward(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const int64_t b = labelled.size();
    const NetworkOutput all =
        student_->forward(batch.joined(), step.train_pass("student", batch.samples));
    const NetworkOutput target = teach_with_noise(*teacher_, options_.noise, unlabelled, step);
    const at::Tensor q = target.logits.softmax(1);
    const at::Tensor is_certain = certain_pixels(unlabelled, step);
    ForwardPasses passes;
    passes.streams = mean_teacher_streams(batch, all, target, q);
    passes.loss = [=, this](const LabelledCrossEntropy& cross_entropy, Step& s) {
      const at::Tensor logits_l = all.logits.slice(0, 0, b);
      const at::Tensor ce = cross_entropy(logits_l, labelled.label, {});
      const at::Tensor dice = options_.dice(logits_l.softmax(1), labelled.label, *s.comm);
      const at::Tensor supervised = 0.5 * (ce + dice);
      const at::Tensor consistency =
          masked_distance(all.logits.slice(0, b).softmax(1), q, is_certain, s);
      const double weight =
          consistency_weight(options_.consistency, s.iteration, s.stage_iterations);
      s.record("loss.supervised", supervised);
      s.record("loss.supervised_ce", ce);
      s.record("loss.supervised_dice", dice);
      s.record("loss.consistency", consistency);
      s.record("consistency_weight", weight);
      return supervised + weight * consistency;
    };
    return passes;
  }

  void after_step(Step& step) override {
    update_teacher(*teacher_, *student_, options_.ema, step.iteration);
  }

 private:
  // [u,1,S], 1 where the teacher's mean prediction has little entropy.
  at::Tensor certain_pixels(const Stream& unlabelled, Step& step) {
    const at::NoGradGuard no_grad;
    const at::Tensor& image = unlabelled.image();
    SampleIds twice = unlabelled.samples;
    for (const int64_t sample : unlabelled.samples) twice.push_back(sample + kSecondCopy);
    at::Tensor sum;
    for (int64_t t = 0; t < options_.mc_samples / 2; ++t) {
      const auto noisy = [&](int copy) {
        return options_.noise.added(image, fmt::format("mc_noise.{}.{}", t, copy),
                                    unlabelled.samples, step);
      };
      const at::Tensor p = teacher_
                               ->forward(at::cat({noisy(0), noisy(1)}),
                                         step.train_pass(fmt::format("teacher/mc{}", t), twice))
                               .logits.softmax(1);
      const at::Tensor both = p.slice(0, 0, image.size(0)) + p.slice(0, image.size(0));
      sum = sum.defined() ? sum + both : both;
    }
    const at::Tensor uncertainty = entropy_map(sum / static_cast<double>(options_.mc_samples));
    double threshold = certainty_threshold(static_cast<double>(step.iteration),
                                           static_cast<double>(step.stage_iterations));
    if (options_.entropy_base == "lnC")
      threshold *= std::log(static_cast<double>(sum.size(1))) / std::numbers::ln2;
    step.record("loss.threshold", threshold);
    return (uncertainty < threshold).to(sum.scalar_type());
  }

  at::Tensor masked_distance(const at::Tensor& p, const at::Tensor& q, const at::Tensor& mask,
                             Step& step) const {
    const double divisor = options_.divisor == "two" ? 2 : static_cast<double>(p.size(1));
    const at::Tensor sums =
        step.comm->sum(at::stack({(mask * (p - q).square()).sum(), mask.sum()}).to(at::kDouble));
    return (sums[0] / (divisor * sums[1] + 1e-16)).to(p.scalar_type());
  }

  // Ids of the second copy of a sample in a Monte-Carlo pass, whose dropout differs.
  static constexpr int64_t kSecondCopy = int64_t{1} << 40;

  Options options_;
  Stage stage_;
};

const bool registered = register_teacher_student(
    {.name = "ua_mt",
     .summary = "Mean teacher whose consistency counts where the teacher is certain",
     .family = "consistency",
     .paper = "Yu et al., MICCAI 2019",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<UncertaintyAwareMeanTeacher>(context);
     }});

}  // namespace
}  // namespace semiseg::ua_mt
