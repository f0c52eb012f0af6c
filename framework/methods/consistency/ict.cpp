// SPDX-License-Identifier: Apache-2.0
// Interpolation consistency training: Verma et al., IJCAI 2019, as HiLab-git/SSL4MIS
// train_interpolation_consistency_training_2D and _3D have it.
//
//   x_mix = (1 − w) u0 + w u1,  w ~ Beta(0.2, 0.2) for each pair;  u0, u1 unlabelled halves
//   q     = (1 − w) softmax(teacher(u0)) + w softmax(teacher(u1)), no gradient
//   L     = ½ (CE(z_l, y) + D(p_l, y)) + λ(t) · mean (p_mix − q)²
//   teacher parameters θ' ← α θ' + (1 − α) θ after every step
//
// The student sees labelled and mixed images in one pass, the teacher u0 and u1 in two, in training
// mode. The student is deployed. Not a base for transferable augmentation: the student never sees
// an unlabelled image alone, so its pixels have no class of one sample.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/ema.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::ict {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  LabelledDice dice = nullptr;
  EmaOptions ema{.decay = 0.99, .warmup = true, .buffers = "none"};
  double alpha = 0.2;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.dice = read_labelled_dice(section, shape.classes);
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.ema = EmaOptions::read(section, o.ema);
    section.read("ict_alpha", o.alpha, {0.01, 100},
                 "Both parameters of the Beta distribution of mixing weights. Below 1 most mixed "
                 "images are nearly one of the two; raise it for stronger mixtures.");
    return o;
  }
};

// Slots i and i + u/2 of the unlabelled part mix; each labelled slot is free.
std::vector<std::vector<int64_t>> pairs(int64_t labelled, int64_t unlabelled) {
  std::vector<std::vector<int64_t>> groups;
  for (int64_t i = 0; i < labelled; ++i) groups.push_back({i});
  for (int64_t i = 0; i < unlabelled / 2; ++i)
    groups.push_back({labelled + i, labelled + unlabelled / 2 + i});
  return groups;
}

class InterpolationConsistency : public SingleNetwork {
 public:
  explicit InterpolationConsistency(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context),
                      pairs(context.labelled, context.batch - context.labelled)),
        options_(Options::read(context.options, context.shape)),
        teacher_(context.make_network({"teacher"})) {
    if ((context.batch - context.labelled) % 2 != 0) {
      context.options.fail("name", "ict mixes pairs of unlabelled images",
                           "an even number of them: protocol.batch - protocol.labelled_batch",
                           "e.g. protocol.batch=24 protocol.labelled_batch=12");
    }
    teacher_->copy_from(*network_);
  }

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const int64_t b = labelled.size(), half = unlabelled.size() / 2;
    const at::Tensor first = unlabelled.image().slice(0, 0, half),
                     second = unlabelled.image().slice(0, half);
    const SampleIds firsts(unlabelled.samples.begin(), unlabelled.samples.begin() + half),
        seconds(unlabelled.samples.begin() + half, unlabelled.samples.end());
    // Weight and complement have single precision, as in the reference.
    const at::Tensor drawn =
        step.draws->beta("mix_weight", options_.alpha, options_.alpha, firsts).to(at::kFloat);
    const auto shaped = [&](const at::Tensor& weight) {
      std::vector<int64_t> shape(static_cast<size_t>(first.dim()), 1);
      shape[0] = half;
      return weight.to(first.options()).view(shape);
    };
    const at::Tensor w = shaped(drawn), rest = shaped(1 - drawn);
    SampleIds ids = labelled.samples;
    ids.insert(ids.end(), firsts.begin(), firsts.end());
    const at::Tensor mixed = rest * first + w * second;
    const at::Tensor logits =
        network_->forward(at::cat({labelled.image(), mixed}), step.train_pass("student", ids))
            .logits;
    const at::Tensor q_first = teach(first, "teacher/first", firsts, step),
                     q_second = teach(second, "teacher/second", seconds, step);
    const at::Tensor q = rest * q_first + w * q_second;
    const at::Tensor supervised =
        labelled_loss(logits.slice(0, 0, b), labelled.label, options_.dice, step);
    const at::Tensor consistency = mean_teacher_mse(logits.slice(0, b).softmax(1), q, *step.comm);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.consistency", consistency);
    step.record("consistency_weight", weight);
    finish(supervised + weight * consistency, step);
  }

  void after_step(Step& step) override {
    update_teacher(*teacher_, *network_, options_.ema, step.iteration);
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    visitor.scope("teacher", [this](StateVisitor& v) { teacher_->state(v); });
  }

 private:
  at::Tensor teach(const at::Tensor& image, const char* pass, const SampleIds& samples,
                   const Step& step) {
    const at::NoGradGuard no_grad;
    return teacher_->forward(image, step.train_pass(pass, samples)).logits.softmax(1);
  }

  Options options_;
  std::unique_ptr<Backbone> teacher_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "ict",
     .summary = "Mixed images get the mixture of the teacher's predictions",
     .family = "consistency",
     .paper = "Verma et al., IJCAI 2019",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<InterpolationConsistency>(context);
     }});

}  // namespace
}  // namespace semiseg::ict
