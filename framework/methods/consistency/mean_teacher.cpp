// SPDX-License-Identifier: Apache-2.0
// Mean Teacher: Tarvainen & Valpola, NeurIPS 2017, as HiLab-git/SSL4MIS train_mean_teacher_2D and
// _3D have it.
//
//   L = ½ (CE(z_l, y) + D(p_l, y)) + λ(t) · mean (p_u − q)²,   q = softmax(teacher(x_u + n)), no
//   gradient n = clamp(0.1 N(0, 1), ±0.2);  teacher parameters θ' ← α θ' + (1 − α) θ after every
//   step
//
// Axes: b labelled and u unlabelled samples of the batch, K classes. As in the reference the
// teacher runs in training mode (batch statistics, dropout) and its batch-norm buffers are its own;
// in 2-D the consistency term is off for the first 1000 of 30 000 iterations. The student is
// deployed.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/mean_teacher_streams.h"
#include "framework/nn/ema.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::mean_teacher {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  LabelledDice dice = nullptr;
  EmaOptions ema{.decay = 0.99, .warmup = true, .buffers = "none"};
  TeacherNoise noise;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.consistency.start = shape.patch_size.size() == 3 ? 0 : 1.0 / 30;
    o.dice = read_labelled_dice(section, shape.classes);
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.ema = EmaOptions::read(section, o.ema);
    o.noise = TeacherNoise::read(section);
    return o;
  }
};

class MeanTeacher : public TeacherStudent {
 public:
  explicit MeanTeacher(const MethodContext& context)
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
    ForwardPasses passes;
    passes.streams = mean_teacher_streams(batch, all, target, q);
    passes.loss = [=, this](const LabelledCrossEntropy& cross_entropy, Step& s) {
      const at::Tensor logits_l = all.logits.slice(0, 0, b);
      const at::Tensor ce = cross_entropy(logits_l, labelled.label, {});
      const at::Tensor dice = options_.dice(logits_l.softmax(1), labelled.label, *s.comm);
      const double weight =
          consistency_weight(options_.consistency, s.iteration, s.stage_iterations);
      const at::Tensor consistency =
          weight > 0 ? mean_teacher_mse(all.logits.slice(0, b).softmax(1), q, *s.comm)
                     : at::zeros({}, q.options());
      const at::Tensor supervised = 0.5 * (ce + dice);
      s.record("loss.supervised", supervised);
      s.record("loss.supervised_ce", ce);
      s.record("loss.supervised_dice", dice);
      s.record("loss.consistency", consistency);
      // The reference logs the ramp also before the start.
      s.record("consistency_weight",
               consistency_ramp(options_.consistency, s.iteration, s.stage_iterations));
      return supervised + weight * consistency;
    };
    return passes;
  }

  void after_step(Step& step) override {
    update_teacher(*teacher_, *student_, options_.ema, step.iteration);
  }

 private:
  Options options_;
  Stage stage_;
};

const bool registered = register_teacher_student(
    {.name = "mean_teacher",
     .summary = "Consistency with an averaged teacher on noisy images",
     .family = "consistency",
     .paper = "Tarvainen & Valpola, NeurIPS 2017",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<MeanTeacher>(context); }});

}  // namespace
}  // namespace semiseg::mean_teacher
