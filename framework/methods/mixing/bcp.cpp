// SPDX-License-Identifier: Apache-2.0
// Bidirectional copy-paste: Bai et al., CVPR 2023, as DeepMed-Lab-ECNU/BCP ACDC_BCP_train.py (2-D)
// and LA_BCP_train.py (3-D) have it.
//
//   M = 0 inside one box of 2/3 of each side, 1 outside; one position for the batch
//   pre-train   x = a·M + b·(1−M), both halves labelled, y likewise;  L = (dice + ce)/2 of the
//               mix loss with weights 1 and 1, or plainly of z and y
//   self-train  x_u = u_i·M + l_i·(1−M),  x_l = l_j·M + u_j·(1−M);
//               L = (dice_u + dice_l + ce_u + ce_l)/2
//   mix loss of z: weight_image · loss(z, y_image, M) + weight_patch · loss(z, y_patch, 1−M);
//   ground truth weighs 1, pseudo-labels ½: teacher's argmax, largest component of each class
//   (connected at corners) of each image
//
//                          2-D (ACDC)                            3-D (LA)
//   halves i, j            a, b                                  b, a            outside_first
//   dice                   over the batch, squared denominators  each sample, linear  mix_dice
//   pre-training loss      mix loss                              plain                mix_dice
//   teacher, α = 0.99      all state, buffers included           parameters      ema_buffers
//   pre-training           10 000 of 40 000 iterations           2 000 of 17 000 pretrain
//
// The teacher runs in training mode. Axes: halves a and b of the labelled (l) and unlabelled (u)
// samples of the batch; half a is forwarded first. Self-training starts both networks from the best
// pre-trained state, with its optimiser state. The reference's unused projection heads are left
// out; at p = ½ exactly its 3-D pseudo-label is the foreground, here the background.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <array>
#include <string>
#include <vector>

#include "framework/config/option_list.h"
#include "framework/methods/parts/mixing/copy_paste_plan.h"
#include "framework/methods/parts/networks/teacher_student.h"
#include "framework/nn/ema.h"
#include "framework/nn/kernels/label_maps.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_compound.h"

namespace semiseg::bcp {
namespace {

struct Options {
  double pretrain = 0.25;
  double unlabelled_weight = 0.5;
  double box = 2.0 / 3;
  std::string outside_first = "unlabelled";
  std::string pairing = "same";
  std::string mix_dice = "batch";
  int64_t connectivity = 0;
  EmaOptions ema{.decay = 0.99, .warmup = false, .buffers = "average"};

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    if (shape.patch_size.size() == 3) {
      o.pretrain = 2.0 / 17;
      o.outside_first = "labelled";
      o.mix_dice = "sample";
      o.ema.buffers = "none";
    }
    section.read("pretrain", o.pretrain, {0, 0.99},
                 "Fraction of the training that pre-trains on labelled samples; 0: none. Raise it "
                 "when the first pseudo-labels are poor.");
    section.read("unlabelled_weight", o.unlabelled_weight, {0, 100},
                 "Weight of pixels with a pseudo-label; those with ground truth weigh 1. Lower it "
                 "when pseudo-labels are poor.");
    section.read("box", o.box, {0.01, 0.99},
                 "Side of the pasted box as a fraction of the side of the image.");
    section.read(
        "outside_first", o.outside_first, {"unlabelled", "labelled"},
        "Origin of the pixels outside the box in the first half of the batch; the second half is "
        "the other way round. The default is that of the reference for slices and volumes.");
    section.read(
        "pairing", o.pairing, {"same", "crossed"},
        "Halves of labelled and unlabelled images that are mixed: first with first (same), or "
        "first with second (crossed, as on Pancreas-CT). Change it only to repeat a reference.");
    section.read(
        "mix_dice", o.mix_dice, {"batch", "sample"},
        "Dice loss of mixed images: over the batch with squared denominators (batch), or for each "
        "sample with linear ones (sample); with sample, pre-training takes the mixed label as a "
        "whole. The default is that of the reference for slices and volumes.");
    section.read("connectivity", o.connectivity, {0, 3},
                 "Neighbourhood of connected components in pseudo-labels: 1 faces, 2 edges, 3 "
                 "corners; 0: corners, whatever the number of axes. Lower it to cut thin bridges.");
    o.ema = EmaOptions::read(section, o.ema);
    return o;
  }
};

class Bcp : public TeacherStudent {
 public:
  explicit Bcp(const MethodContext& context)
      : TeacherStudent(context),
        options_(Options::read(context.options, context.shape)),
        plan_(copy_paste_plan(context, options_.pretrain)) {}

  Plan plan() const override { return plan_; }

  void begin_stage(int64_t stage) override {
    if (is_selftrain(stage)) teacher_->copy_from(*student_);
  }

  ForwardPasses forward(const Batch& batch, Step& step) override {
    const at::Tensor mask = draw_copy_paste_mask(batch["labelled"].image(), options_.box, step);
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

  ForwardPasses pre_train(const Batch& batch, const at::Tensor& mask, Step& step) {
    const Stream& labelled = batch["labelled"];
    const int64_t half = labelled.size() / 2;
    const at::Tensor a = labelled.image().slice(0, 0, half),
                     b = labelled.image().slice(0, half, 2 * half);
    const at::Tensor y_a = labelled.label.slice(0, 0, half),
                     y_b = labelled.label.slice(0, half, 2 * half);
    const SampleIds samples(labelled.samples.begin(), labelled.samples.begin() + half);
    const NetworkOutput out =
        student_->forward(a * mask + b * (1 - mask), step.train_pass("student", samples));
    ForwardPasses passes;
    passes.loss = [=, this](const LabelledCrossEntropy& labelled_ce, Step& s) {
      if (options_.mix_dice == "sample") {
        const at::Tensor y = at::where(mask == 1, y_a, y_b);
        return mean_of(dice_masked_3d(out.logits.softmax(1), y, {}, *s.comm),
                       labelled_ce(out.logits, y, {}), s);
      }
      const MixLoss loss = mix(out.logits, {y_a, 1, labelled_ce}, {y_b, 1, labelled_ce}, mask, s);
      return mean_of(loss.dice, loss.cross_entropy, s);
    };
    return passes;
  }

  // One half of self-training: labelled and unlabelled images mixed, one of them outside the box.
  struct Half {
    bool unlabelled_outside;
    SampleIds labelled, unlabelled;
    at::Tensor truth;  // [N,S]
    ClassPixels teacher = {};
    NetworkOutput student = {};
  };

  Half mix_half(const Batch& batch, int64_t i, const at::Tensor& mask, Step& step) {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const int64_t size = labelled.size() / 2, u = i * size;
    const int64_t l = (options_.pairing == "same" ? i : 1 - i) * size;
    const auto ids = [size](const Stream& stream, int64_t first) {
      const auto begin = stream.samples.begin() + first;
      return SampleIds(begin, begin + size);
    };
    Half half{.unlabelled_outside = (i == 0) == (options_.outside_first == "unlabelled"),
              .labelled = ids(labelled, l),
              .unlabelled = ids(unlabelled, u),
              .truth = labelled.label.slice(0, l, l + size)};
    const at::Tensor image_l = labelled.image().slice(0, l, l + size),
                     image_u = unlabelled.image().slice(0, u, u + size), inside = 1 - mask;
    half.teacher = teach(image_u, step, i == 0 ? "teacher/a" : "teacher/b", half.unlabelled);
    half.student = half.unlabelled_outside
                       ? student_->forward(image_u * mask + image_l * inside,
                                           step.train_pass("student/u", half.labelled))
                       : student_->forward(image_l * mask + image_u * inside,
                                           step.train_pass("student/l", half.labelled));
    return half;
  }

  ForwardPasses self_train(const Batch& batch, const at::Tensor& mask, Step& step) {
    const std::array<Half, 2> halves = {mix_half(batch, 0, mask, step),
                                        mix_half(batch, 1, mask, step)};
    ForwardPasses passes;
    passes.streams = streams_of(halves, mask);
    passes.loss = [=, this](const LabelledCrossEntropy& labelled_ce, Step& s) {
      const MixLoss first = loss_of(halves[0], labelled_ce, mask, s),
                    second = loss_of(halves[1], labelled_ce, mask, s);
      return mean_of(first.dice + second.dice, first.cross_entropy + second.cross_entropy, s);
    };
    return passes;
  }

  static Streams streams_of(const std::array<Half, 2>& halves, const at::Tensor& mask) {
    const auto where = [](const at::Tensor& region, const at::Tensor& label) {
      return at::where(region, label, at::full({}, kIgnoreLabel, label.options()));
    };
    const auto each = [halves](const auto& pixels_of) {
      return [=]() -> std::vector<ClassPixels> {
        return {pixels_of(halves[0]), pixels_of(halves[1])};
      };
    };
    return {.labelled = each([=](const Half& h) -> ClassPixels {
              const at::Tensor region = mask == (h.unlabelled_outside ? 0 : 1);
              return {h.student.logits, h.student.features, where(region, h.truth), h.labelled};
            }),
            .unlabelled = each([=](const Half& h) -> ClassPixels {
              const at::Tensor region = mask == (h.unlabelled_outside ? 1 : 0);
              return {h.student.logits, h.student.features, where(region, h.teacher.label),
                      h.unlabelled};
            }),
            .teacher_unlabelled = each([](const Half& h) { return h.teacher; })};
  }

  MixLoss loss_of(const Half& half, const LabelledCrossEntropy& labelled_ce, const at::Tensor& mask,
                  Step& step) const {
    const MixPart truth{half.truth, 1, labelled_ce},
        pseudo{half.teacher.label, options_.unlabelled_weight, {}};
    const MixLoss loss = half.unlabelled_outside
                             ? mix(half.student.logits, pseudo, truth, mask, step)
                             : mix(half.student.logits, truth, pseudo, mask, step);
    step.record(half.unlabelled_outside ? "loss.unlabelled_image" : "loss.labelled_image",
                0.5 * (loss.dice + loss.cross_entropy));
    return loss;
  }

  MixLoss mix(const at::Tensor& logits, const MixPart& image, const MixPart& patch,
              const at::Tensor& mask, Step& step) const {
    const MaskedDice dice = options_.mix_dice == "batch" ? dice_masked_2d : dice_masked_3d;
    return bcp_mix(logits, image, patch, mask, dice, *step.comm);
  }

  // Teacher on images as they are; pseudo-label is the largest component of each class.
  ClassPixels teach(const at::Tensor& image, Step& step, const std::string& pass,
                    const SampleIds& samples) {
    const at::NoGradGuard no_grad;
    const NetworkOutput out = teacher_->forward(image, step.train_pass(pass, samples));
    return {out.logits, out.features,
            largest_component(out.logits.argmax(1), options_.connectivity), samples};
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
    {.name = "bcp",
     .summary = "Bidirectional copy-paste between labelled and unlabelled images",
     .family = "copy-paste",
     .paper = "Bai et al., CVPR 2023",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<Bcp>(context); }});

}  // namespace
}  // namespace semiseg::bcp
