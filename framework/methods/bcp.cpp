// SPDX-License-Identifier: Apache-2.0
// Bidirectional copy-paste: Bai et al., CVPR 2023, as DeepMed-Lab-ECNU/BCP ACDC_BCP_train.py has it
// (2-D).
//
//   M = 0 inside one box of 2/3 of each side, 1 outside; one position for the batch
//   pre-train   x = a·M + b·(1−M), both halves labelled;          L = (dice + ce)/2, weights 1 and
//   1 self-train  x_u = u_a·M + l_a·(1−M),  x_l = l_b·M + u_b·(1−M);  L = (dice_u + dice_l + ce_u +
//   ce_l)/2 mix loss of z: weight_image · loss(z, y_image, M) + weight_patch · loss(z, y_patch,
//   1−M); ground truth weighs 1, pseudo-labels ½: teacher's argmax, largest 8-connected component
//   of each class and slice teacher: α = 0.99 over all state, batch-norm buffers included, in
//   training mode
//
// Axes: halves a and b of the labelled (l) and unlabelled (u) samples of the batch. The reference
// trains 10 000 and 30 000 iterations: `pretrain` is the first as a fraction of the whole.
// Self-training starts both networks from the best pre-trained state, with its optimiser state. The
// reference's unused projection heads are left out.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "framework/methods/teacher_student.h"
#include "framework/nn/ema.h"
#include "framework/nn/largest_component.h"
#include "framework/nn/losses_copy_paste.h"

namespace semiseg {
namespace {

struct Options {
  double pretrain = 0.25;
  double unlabelled_weight = 0.5;
  double box = 2.0 / 3;
  EmaOptions ema{.decay = 0.99, .warmup = false, .buffers = "average"};

  static Options read(const Config& section) {
    Options o;
    section.read("pretrain", o.pretrain, {0, 0.99},
                 "fraction of the training that pre-trains on labelled samples");
    section.read("unlabelled_weight", o.unlabelled_weight, {0, 100},
                 "weight of pixels with a pseudo-label");
    section.read("box", o.box, {0.01, 0.99}, "side of the pasted box as a fraction of the image's");
    o.ema = EmaOptions::read(section, o.ema);
    return o;
  }
};

// Slots of samples that mix with each other: i of both halves of both streams.
std::vector<std::vector<int64_t>> mixing_units(int64_t labelled, int64_t unlabelled) {
  std::vector<std::vector<int64_t>> units;
  for (int64_t i = 0; i < labelled / 2; ++i) {
    units.push_back({i, labelled / 2 + i});
    if (unlabelled > 0)
      units.back().insert(units.back().end(), {labelled + i, labelled + unlabelled / 2 + i});
  }
  return units;
}

class Bcp : public TeacherStudent {
 public:
  explicit Bcp(const MethodContext& context)
      : TeacherStudent(context), options_(Options::read(context.options)) {
    const int64_t b = context.labelled, u = context.batch - context.labelled;
    if (b % 2 != 0 || b != u) {
      context.options.fail("name", "bcp mixes halves of equal labelled and unlabelled parts",
                           "protocol.batch = 2 · protocol.labelled_batch, the latter even",
                           "e.g. protocol.batch=12 protocol.labelled_batch=6");
    }
    const auto first =
        static_cast<int64_t>(options_.pretrain * static_cast<double>(context.iterations));
    if (first > 0) {
      plan_.stages.push_back(
          {.name = "pretrain", .iterations = first, .labelled = b, .units = mixing_units(b, 0)});
    }
    plan_.stages.push_back({.name = "selftrain",
                            .iterations = context.iterations - first,
                            .labelled = b,
                            .unlabelled = u,
                            .start_from_best = first > 0,
                            .units = mixing_units(b, u)});
  }

  Plan plan() const override { return plan_; }

  void begin_stage(int64_t stage) override {
    if (is_selftrain(stage)) teacher_->copy_from(*student_);
  }

  ForwardPasses forward(const Batch& batch, Step& step) override {
    const at::Tensor mask = draw_mask(batch.image, step);
    return is_selftrain(step.stage) ? self_train(batch, mask, step) : pre_train(batch, mask, step);
  }

  void after_step(Step& step) override {
    if (is_selftrain(step.stage))
      update_teacher(*teacher_, *student_, options_.ema, step.iteration);
  }

 private:
  bool is_selftrain(int64_t stage) const {
    return stage + 1 == static_cast<int64_t>(plan_.stages.size());
  }

  // [S], 0 inside the box.
  at::Tensor draw_mask(const at::Tensor& image, Step& step) const {
    at::Tensor mask = at::ones(image.sizes().slice(2), at::kLong);
    at::Tensor box = mask;
    std::vector<int64_t> high;
    for (int64_t axis = 0; axis < mask.dim(); ++axis)
      high.push_back(mask.size(axis) - side(mask.size(axis)));
    const at::Tensor offset = draw_offset(high, step);
    for (int64_t axis = 0; axis < mask.dim(); ++axis) {
      const int64_t start = offset[axis].item<int64_t>();
      box = box.slice(axis, start, start + side(mask.size(axis)));
    }
    box.zero_();
    return mask;
  }

  int64_t side(int64_t length) const {
    return static_cast<int64_t>(options_.box * static_cast<double>(length));
  }

  static at::Tensor draw_offset(const std::vector<int64_t>& high, Step& step) {
    if (std::equal(high.begin() + 1, high.end(), high.begin())) {
      return step.draws->integers("mix_box_offset", {static_cast<int64_t>(high.size())}, 0,
                                  high[0]);
    }
    std::vector<at::Tensor> axes;
    for (size_t axis = 0; axis < high.size(); ++axis) {
      axes.push_back(
          step.draws->integers("mix_box_offset." + std::to_string(axis), {1}, 0, high[axis]));
    }
    return at::cat(axes);
  }

  ForwardPasses pre_train(const Batch& batch, const at::Tensor& mask, Step& step) {
    const int64_t half = batch.labelled / 2;
    const at::Tensor a = batch.image.slice(0, 0, half), b = batch.image.slice(0, half, 2 * half);
    const at::Tensor y_a = batch.label.slice(0, 0, half),
                     y_b = batch.label.slice(0, half, 2 * half);
    const SampleIds samples(batch.samples.begin(), batch.samples.begin() + half);
    const NetworkOutput out =
        student_->forward(a * mask + b * (1 - mask), step.train_pass("student", samples));
    ForwardPasses passes;
    passes.labelled = {out.logits, out.features, at::where(mask == 1, y_a, y_b), samples};
    passes.loss = [=, this](const LabelledCrossEntropy& labelled_ce, Step& s) {
      const MixLoss loss =
          bcp_mix_2d(out.logits, {y_a, 1, labelled_ce}, {y_b, 1, labelled_ce}, mask, *s.comm);
      return mean_of(loss.dice, loss.cross_entropy, s);
    };
    return passes;
  }

  ForwardPasses self_train(const Batch& batch, const at::Tensor& mask, Step& step) {
    const int64_t half = batch.labelled / 2;
    const auto quarter = [&](const at::Tensor& x, int64_t i) {
      return x.slice(0, i * half, (i + 1) * half);
    };
    const at::Tensor l_a = quarter(batch.image, 0), l_b = quarter(batch.image, 1);
    const at::Tensor u_a = quarter(batch.image, 2), u_b = quarter(batch.image, 3);
    const at::Tensor y_a = quarter(batch.label, 0), y_b = quarter(batch.label, 1);
    const auto ids = [&](int64_t first, int64_t count = 1) {
      const auto begin = batch.samples.begin() + first * half;
      return SampleIds(begin, begin + count * half);
    };
    const ClassPixels teacher_a = teach(u_a, step, "teacher/a", ids(2));
    const ClassPixels teacher_b = teach(u_b, step, "teacher/b", ids(3));
    const at::Tensor inside = 1 - mask;
    const NetworkOutput out_u =
        student_->forward(u_a * mask + l_a * inside, step.train_pass("student/u", ids(0)));
    const NetworkOutput out_l =
        student_->forward(l_b * mask + u_b * inside, step.train_pass("student/l", ids(1)));

    ForwardPasses passes;
    const at::Tensor outside = mask == 1, logits = at::cat({out_u.logits, out_l.logits});
    const at::Tensor features = at::cat({out_u.features, out_l.features});
    const at::Tensor ignore = at::full({}, kIgnoreLabel, y_a.options());
    passes.labelled = {logits, features,
                       at::cat({at::where(outside, ignore, y_a), at::where(outside, y_b, ignore)}),
                       ids(0, 2)};
    passes.unlabelled = {logits, features,
                         at::cat({at::where(outside, teacher_a.label, ignore),
                                  at::where(outside, ignore, teacher_b.label)}),
                         ids(2, 2)};
    passes.teacher_unlabelled = {at::cat({teacher_a.logits, teacher_b.logits}),
                                 at::cat({teacher_a.features, teacher_b.features}),
                                 at::cat({teacher_a.label, teacher_b.label}), ids(2, 2)};
    passes.loss = [=, this](const LabelledCrossEntropy& labelled_ce, Step& s) {
      const double weight = options_.unlabelled_weight;
      const MixLoss u = bcp_mix_2d(out_u.logits, {teacher_a.label, weight, {}},
                                   {y_a, 1, labelled_ce}, mask, *s.comm);
      const MixLoss l = bcp_mix_2d(out_l.logits, {y_b, 1, labelled_ce},
                                   {teacher_b.label, weight, {}}, mask, *s.comm);
      return mean_of(u.dice + l.dice, u.cross_entropy + l.cross_entropy, s);
    };
    return passes;
  }

  // Teacher on images as they are; pseudo-label is the largest component of each class.
  ClassPixels teach(const at::Tensor& image, Step& step, const std::string& pass,
                    const SampleIds& samples) {
    const at::NoGradGuard no_grad;
    const NetworkOutput out = teacher_->forward(image, step.train_pass(pass, samples));
    return {out.logits, out.features, largest_component(out.logits.argmax(1)), samples};
  }

  static at::Tensor mean_of(const at::Tensor& dice, const at::Tensor& ce, Step& step) {
    step.record("loss.mix_dice", dice);
    step.record("loss.mix_ce", ce);
    return 0.5 * (dice + ce);
  }

  Options options_;
  Plan plan_;
};

const bool registered = register_teacher_student(
    {"bcp", "bidirectional copy-paste between labelled and unlabelled images",
     [](const MethodContext& context) { return std::make_unique<Bcp>(context); }});

}  // namespace
}  // namespace semiseg
