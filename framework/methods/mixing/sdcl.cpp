// SPDX-License-Identifier: Apache-2.0
// SDCL, students' discrepancy-informed correction: Song & Wang, MICCAI 2024, as pascalcpp/SDCL
// ACDC_train and LA_train have it. Bidirectional copy-paste (Bai et al., CVPR 2023) with crossed
// halves and two students of different architecture, which correct each other where their hard
// labels differ.
//
//   M           0 inside one box of 2/3 of each side, 1 outside; halves a, b of labelled images l
//               and unlabelled images u
//   pre-train   x = l_a M + l_b (1 − M), y likewise; (dice + ce)/2 for each student
//   self-train  first = u_a M + l_b (1 − M),  second = l_a M + u_b (1 − M); pseudo-labels of the
//               teacher, largest component of each class, weigh ½, ground truth 1
//   X           1 where the students' argmax differ on an image
//   L_i = L_bcp,i + α Σ_images L_cor + β Σ_images L_ent      (losses_correction.h; α = ½, β = 0.05)
//   teacher ← 0.99 teacher + 0.01 student 1
//
//                 slices                                     volumes
//   dice          over the batch, squared denominators       each sample, linear
//   L_bcp         (dice + ce)/2 of the sums over images      the same
//   teacher       all state, buffers included                parameters
//   networks      unet, resunet_2d                           vnet with instance norm, resvnet
//
// Each student has its own optimiser, student 1 first; the reference's is Adam 1e-3, constant. Four
// passes, each with statistics of its own. The mean of both students' probabilities is deployed
// (predictor). Not a base for transferable augmentation: two students learn.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <array>

#include "framework/config/option_list.h"
#include "framework/methods/parts/mixing/copy_paste_plan.h"
#include "framework/methods/parts/networks/network_predictor.h"
#include "framework/nn/ema.h"
#include "framework/nn/kernels/label_maps.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_compound.h"
#include "framework/nn/losses/losses_correction.h"

namespace semiseg::sdcl {
namespace {

struct Options {
  double pretrain = 0.2, unlabelled_weight = 0.5, box = 2.0 / 3, correct = 0.5, entropy = 0.05;
  std::string mix_dice = "batch", predictor = "average", second;
  int64_t connectivity = 0;
  EmaOptions ema{.decay = 0.99, .warmup = false, .buffers = "average"};

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    if (shape.patch_size.size() == 3) {
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
    section.read("mix_dice", o.mix_dice, {"batch", "sample"},
                 "Dice loss of mixed images: over the batch with squared denominators, or for each "
                 "sample with linear ones. The default is that of the reference.");
    section.read("connectivity", o.connectivity, {0, 3},
                 "Neighbourhood of connected components in pseudo-labels: 1 faces, 2 edges, 3 "
                 "corners; 0: corners, whatever the number of axes.");
    section.read("correct_weight", o.correct, {0, 100},
                 "Weight of pulling disputed pixels to their label. 0.3 on Pancreas-CT.");
    section.read("entropy_weight", o.entropy, {0, 100},
                 "Weight of blurring disputed pixels that are wrong. 0.1 on Pancreas-CT.");
    section.read("predictor", o.predictor, {"average", "net1"},
                 "Networks that are deployed: the mean of both students' probabilities, or the "
                 "first student alone, which halves the time of a prediction.");
    o.ema = EmaOptions::read(section, o.ema);
    o.second = shape.patch_size.size() == 3 ? "resvnet" : "resunet_2d";
    section.read("net2_backbone", o.second,
                 "Backbone of the second student, with options in [method.<its name>]. Students "
                 "that differ more dispute more.");
    BackboneRegistry::instance().find(o.second).read_options(section.section(o.second), shape);
    return o;
  }
};

class Sdcl : public Method {
 public:
  Sdcl(const MethodContext& context, const Options& options)
      : options_(options),
        plan_(copy_paste_plan(context, options.pretrain)),
        students_{context.make_network({.net = "net1"}),
                  context.make_network({.net = "net2", .backbone = options.second})},
        optimisers_{make_optimiser("net1", students_[0]->parameters(), context.optimiser),
                    make_optimiser("net2", students_[1]->parameters(), context.optimiser)},
        teacher_(context.make_network({.net = "teacher"})),
        first_(*students_[0]),
        mean_(*students_[0], *students_[1]) {
    teacher_->copy_from(*students_[0]);
  }

  Plan plan() const override { return plan_; }

  void begin_stage(int64_t stage) override {
    if (is_selftrain(stage)) teacher_->copy_from(*students_[0]);
  }

  void step(const Batch& batch, Step& step) override {
    const at::Tensor mask = draw_copy_paste_mask(batch["labelled"].image(), options_.box, step);
    is_selftrain(step.stage) ? self_train(batch, mask, step) : pre_train(batch, mask, step);
  }

  void after_step(Step& step) override {
    if (is_selftrain(step.stage))
      update_teacher(*teacher_, *students_[0], options_.ema, step.iteration);
  }

  Predictor& predictor() override {
    if (options_.predictor == "net1") return first_;
    return mean_;
  }

  void state(StateVisitor& visitor) override {
    for (size_t i = 0; i < 2; ++i) {
      visitor.scope(kNames[i], [this, i](StateVisitor& v) { students_[i]->state(v); });
      optimisers_[i]->state(visitor);
    }
    visitor.scope("teacher", [this](StateVisitor& v) { teacher_->state(v); });
  }

 private:
  static constexpr std::array<const char*, 2> kNames = {"net1", "net2"};

  // An image of two halves with the labels of both.
  struct Mixed {
    const char* name;
    at::Tensor image;
    SampleIds samples;
    MixPart outside, inside;
  };

  bool is_selftrain(int64_t stage) const {
    return stage + 1 == static_cast<int64_t>(plan_.stages.size());
  }

  static SampleIds ids(const Stream& stream, int64_t half) {
    const int64_t size = stream.size() / 2;
    return {stream.samples.begin() + half * size, stream.samples.begin() + (half + 1) * size};
  }

  static at::Tensor rows(const at::Tensor& all, int64_t half) {
    const int64_t size = all.size(0) / 2;
    return all.slice(0, half * size, (half + 1) * size);
  }

  MixLoss mix(const at::Tensor& logits, const Mixed& mixed, const at::Tensor& mask,
              const Step& step) const {
    const MaskedDice dice = options_.mix_dice == "batch" ? dice_masked_2d : dice_masked_3d;
    return bcp_mix(logits, mixed.outside, mixed.inside, mask, dice, *step.comm);
  }

  void minimise(size_t i, const at::Tensor& dice, const at::Tensor& ce, const at::Tensor& rest,
                Step& step) {
    const std::string suffix = std::string("_") + kNames[i];
    const at::Tensor total = rest.defined() ? 0.5 * (dice + ce) + rest : 0.5 * (dice + ce);
    step.record("loss.mix_dice" + suffix, dice);
    step.record("loss.mix_ce" + suffix, ce);
    step.record("loss.total" + suffix, total);
    if (i == 0) step.record("loss.total", total);
    step.minimise(*optimisers_[i], total);
  }

  void pre_train(const Batch& batch, const at::Tensor& mask, Step& step) {
    const Stream& labelled = batch["labelled"];
    const at::Tensor image = labelled.image();
    const Mixed mixed{"pretrain",
                      rows(image, 0) * mask + rows(image, 1) * (1 - mask),
                      ids(labelled, 0),
                      {rows(labelled.label, 0), 1, {}},
                      {rows(labelled.label, 1), 1, {}}};
    for (size_t i = 0; i < 2; ++i) {
      const at::Tensor logits =
          students_[i]->forward(mixed.image, step.train_pass(kNames[i], mixed.samples)).logits;
      if (options_.mix_dice == "batch") {
        const MixLoss loss = mix(logits, mixed, mask, step);
        minimise(i, loss.dice, loss.cross_entropy, {}, step);
        continue;
      }
      const at::Tensor y = at::where(mask == 1, mixed.outside.label, mixed.inside.label);
      minimise(i, dice_masked_3d(logits.softmax(1), y, {}, *step.comm),
               cross_entropy(logits, y, *step.comm), {}, step);
    }
  }

  at::Tensor pseudo_label(const Stream& unlabelled, int64_t half, const Step& step) {
    const at::NoGradGuard no_grad;
    const at::Tensor logits =
        teacher_
            ->forward(rows(unlabelled.image(), half),
                      step.train_pass(half == 0 ? "teacher/a" : "teacher/b", ids(unlabelled, half)))
            .logits;
    return largest_component(logits.argmax(1), options_.connectivity);
  }

  std::array<Mixed, 2> mixed_images(const Batch& batch, const at::Tensor& mask, const Step& step) {
    const Stream &l = batch["labelled"], &u = batch["unlabelled"];
    const at::Tensor pseudo_a = pseudo_label(u, 0, step), pseudo_b = pseudo_label(u, 1, step);
    const at::Tensor inside = 1 - mask;
    const double w = options_.unlabelled_weight;
    return {Mixed{"first",
                  rows(u.image(), 0) * mask + rows(l.image(), 1) * inside,
                  ids(l, 1),
                  {pseudo_a, w, {}},
                  {rows(l.label, 1), 1, {}}},
            Mixed{"second",
                  rows(l.image(), 0) * mask + rows(u.image(), 1) * inside,
                  ids(l, 0),
                  {rows(l.label, 0), 1, {}},
                  {pseudo_b, w, {}}}};
  }

  void self_train(const Batch& batch, const at::Tensor& mask, Step& step) {
    const std::array<Mixed, 2> images = mixed_images(batch, mask, step);
    at::Tensor logits[2][2];  // student, image
    for (size_t i = 0; i < 2; ++i) {
      for (size_t m = 0; m < 2; ++m) {
        const std::string pass = std::string(kNames[i]) + "/" + images[m].name;
        logits[i][m] =
            students_[i]->forward(images[m].image, step.train_pass(pass, images[m].samples)).logits;
      }
    }
    at::Tensor disputed[2];
    for (size_t m = 0; m < 2; ++m)
      disputed[m] = logits[0][m].detach().argmax(1) != logits[1][m].detach().argmax(1);
    for (size_t i = 0; i < 2; ++i) {
      at::Tensor dice, ce, rest;
      const auto add = [](at::Tensor& sum, const at::Tensor& value) {
        sum = sum.defined() ? sum + value : value;
      };
      for (size_t m = 0; m < 2; ++m) {
        const MixLoss loss = mix(logits[i][m], images[m], mask, step);
        add(dice, loss.dice);
        add(ce, loss.cross_entropy);
        const std::string suffix = std::string("_") + images[m].name + "_" + kNames[i];
        step.record("loss.mix" + suffix, 0.5 * (loss.dice + loss.cross_entropy));
        add(rest, correction(logits[i][m], images[m], mask, disputed[m], suffix, step));
      }
      minimise(i, dice, ce, rest, step);
    }
  }

  at::Tensor correction(const at::Tensor& logits, const Mixed& mixed, const at::Tensor& mask,
                        const at::Tensor& disputed, const std::string& suffix, Step& step) const {
    const DisputedLabels labels{.image = mixed.outside.label,
                                .patch = mixed.inside.label,
                                .image_weight = mixed.outside.weight,
                                .patch_weight = mixed.inside.weight,
                                .mask = mask,
                                .discrepancy = disputed};
    const at::Tensor correct = correct_disputed(logits, labels, *step.comm),
                     entropy = blur_disputed(logits, labels, *step.comm);
    step.record("loss.correct" + suffix, correct);
    step.record("loss.entropy" + suffix, entropy);
    return options_.correct * correct + options_.entropy * entropy;
  }

  Options options_;
  Plan plan_;
  std::array<std::unique_ptr<Backbone>, 2> students_;
  std::array<std::unique_ptr<Optimiser>, 2> optimisers_;
  std::unique_ptr<Backbone> teacher_;
  NetworkPredictor first_;
  MeanPredictor mean_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "sdcl",
     .summary = "Copy-paste with two students that correct each other where they differ",
     .family = "copy-paste",
     .paper = "Song & Wang, MICCAI 2024",
     .small =
         [](int64_t axes) {
           return axes == 3 ? "resvnet = {filters = 2, norm = 'group', norm_groups = 2}"
                            : "resunet_2d = {filters = 2}";
         },
     .read_options = read_and_forget<Options>,
     .make =
         [](const MethodContext& context) {
           return std::make_unique<Sdcl>(context, Options::read(context.options, context.shape));
         }});

}  // namespace
}  // namespace semiseg::sdcl
