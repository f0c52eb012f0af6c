// SPDX-License-Identifier: Apache-2.0
// VerSemi: Zeng, Xie, Lu, Lu, Wu & Xia, IEEE TMI 2025 (arXiv 2311.11686), as maxwell0027/VerSemi
// has it. One network learns several tasks (data sets with one foreground each, dataset=collection)
// and is told by a prompt which one is meant; prompt T + 1 means the foreground of any task.
//
//   D(p, y) = 1 − (2Σpy + 1e-5) / (Σp² + Σy² + 1e-5), sums over batch and space; p_t foreground
//   probability under prompt t; M = 0 inside one cube a sample, 1 outside; t the sample's own task
//   (1) L_sup = D(p_t(x), y) + CE(z_t(x), y)                        labelled x
//   (2) mix = a M + b (1 − M),  y_mix likewise, a and b the halves of the labelled samples
//       L_syn = D(p_T+1(mix), y_mix)
//   (3) L_spec = ½ [D(p_ta(mix), y_a M) + D(p_tb(mix), y_b (1 − M))], y_mix for both where ta = tb
//   (4) x_m = x_u M + x_l (1 − M),  q = max over the tasks of p_t(x_m);  L_con = D(p_T+1(x_m), q)
//   (5) L_paste = D(p_T+1(x_m)(1 − M), y (1 − M))
//   pre-training  L = L_sup + L_syn + L_spec, cubes of 2/3 of each side, labelled samples alone
//   training      L = L_sup + w L_con + L_paste + L_syn, w = 1, cubes of U(0.3, 0.6), drawn a mix
//
// As in the reference q carries gradient (detach_aggregate stops it) and no weight is ramped
// (consistency_rampup). Its L_paste masks every sample by every mask of the batch (compat_broadcast
// repeats that), and its average of the parameters, which no loss and no test uses, is kept only
// with ema_decay; there it starts anew each epoch, here with the training. Stages share one
// optimiser. The published text beyond the abstract could not be consulted.
//
// A prediction for a known task takes its prompt; for an unknown one all prompts, each class
// against the background. Classes: one for each task, or foreground alone for all of them.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/option_list.h"
#include "framework/methods/method.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/mixing/boxes.h"
#include "framework/methods/parts/networks/task_predictor.h"
#include "framework/nn/ema.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::versemi {
namespace {

struct Options {
  double pretrain = 0.5, box_ratio = 2.0 / 3;
  std::vector<double> box_ratio_range = {0.3, 0.6};
  ConsistencyOptions consistency{.weight = 1, .rampup = 0};
  bool detach_aggregate = false, compat_broadcast = false;
  EmaOptions ema{.decay = 0};

  static Options read(const Config& section) {
    Options o;
    section.read("pretrain", o.pretrain, {0, 0.99},
                 "Fraction of the training that pre-trains on labelled samples; 0: none. Lower it "
                 "when labelled images are few and overfitted soon.");
    section.read("box_ratio", o.box_ratio, {0.01, 0.99},
                 "Side of the cubes of pre-training as a fraction of the side of the image.");
    section.read("box_ratio_range", o.box_ratio_range, {0.01, 0.99},
                 "Smallest and largest side of the cubes behind it, drawn for each mix. Narrow it "
                 "when small structures vanish in the mix.");
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    section.read("detach_aggregate", o.detach_aggregate,
                 "Stops the gradient of the tasks' joint prediction, the target of the "
                 "consistency. Switch it on when that loss collapses to the background.");
    section.read("compat_broadcast", o.compat_broadcast,
                 "Masks every sample by the cubes of all samples in the loss of pasted labels. "
                 "Switch it on only to repeat the reference.");
    o.ema = EmaOptions::read(section, o.ema);
    if (o.box_ratio_range.size() != 2 || o.box_ratio_range[0] > o.box_ratio_range[1])
      section.fail("box_ratio_range", "this is no range", "two ascending fractions", "[0.3, 0.6]");
    return o;
  }
};

// Rows of one half of the labelled samples.
struct Half {
  at::Tensor image, label, task;  // [n,C,S], [n,S] 0 and 1, [n]
};

class Versemi : public Method {
 public:
  explicit Versemi(const MethodContext& context)
      : options_(Options::read(context.options)),
        tasks_(std::ssize(context.tasks)),
        labelled_(context.labelled),
        has_task_classes_(has_task_classes(context)),
        network_(context.make_network({"student"})),
        optimiser_(make_optimiser("student", network_->parameters(), context.optimiser)),
        predictor_(*network_, tasks_, context.shape.classes) {
    if (options_.ema.decay > 0) {
      average_ = context.make_network({"teacher"});
      average_->copy_from(*network_);
    }
    if (labelled_ % 2 != 0 || context.batch != 2 * labelled_) {
      context.options.fail("name", "versemi mixes halves of equal labelled and unlabelled parts",
                           "protocol.batch = 2 · protocol.labelled_batch, the latter even",
                           "e.g. protocol.batch=8 protocol.labelled_batch=4");
    }
    const auto first = static_cast<int64_t>(options_.pretrain * context.iterations);
    if (first > 0) {
      plan_.stages.push_back(
          {.name = "pretrain",
           .iterations = first,
           .streams = {{.name = "labelled", .pool = "labelled", .samples = labelled_}},
           .colocated = mixing_groups(labelled_, 0)});
    }
    plan_.stages.push_back({.name = "train",
                            .iterations = context.iterations - first,
                            .streams = labelled_and_unlabelled(context),
                            .colocated = mixing_groups(labelled_, labelled_)});
  }

  Plan plan() const override { return plan_; }

  void step(const Batch& batch, Step& step) override {
    const bool is_last = step.stage + 1 == std::ssize(plan_.stages);
    const Stream& labelled = batch["labelled"];
    const at::Tensor y = foreground_of(labelled);
    const at::Tensor supervised = supervise(labelled, y, step);
    step.record("loss.supervised", supervised);
    const at::Tensor rest = is_last ? train(batch, y, step) : pre_train(labelled, y, step);
    const at::Tensor total = supervised + rest;
    step.record("loss.total", total);
    step.minimise(*optimiser_, total);
  }

  void after_step(Step& step) override {
    const int64_t before = step.stage > 0 ? plan_.stages[0].iterations : 0;
    if (average_) update_teacher(*average_, *network_, options_.ema, before + step.iteration);
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    visitor.scope("student", [this](StateVisitor& v) { network_->state(v); });
    if (average_) visitor.scope("teacher", [this](StateVisitor& v) { average_->state(v); });
    optimiser_->state(visitor);
  }

 private:
  static bool has_task_classes(const MethodContext& context) {
    const int64_t tasks = std::ssize(context.tasks), classes = context.shape.classes;
    if (classes != 2 && classes != tasks + 1) {
      context.options.fail(
          "name",
          "versemi segments one foreground in each task, and the data have " +
              std::to_string(classes - 1) + " in " + std::to_string(tasks),
          "data sets with one foreground class each, as parts of dataset=collection",
          "take a collection of binary data sets");
    }
    return classes != 2;
  }

  // [B,S] int64: 1 where the label is the foreground of the sample's own task.
  at::Tensor foreground_of(const Stream& labelled) const {
    if (!has_task_classes_) return (labelled.label == 1).to(at::kLong);
    std::vector<int64_t> shape(static_cast<size_t>(labelled.label.dim()), 1);
    shape[0] = labelled.size();
    const at::Tensor own = (labelled.task + 1).to(labelled.label.device()).view(shape);
    return (labelled.label == own).to(at::kLong);
  }

  // Logits [N,P,2,S] of prompts [N,P].
  at::Tensor logits_of(const at::Tensor& image, const at::Tensor& prompts, const Step& step,
                       const std::string& pass, const SampleIds& samples) const {
    return network_->forward({image, {{"prompt", prompts}}},
                             step.train_pass(pass, samples))["prompts"];
  }

  // Foreground probability under the prompt of this column: [N,1,S].
  static at::Tensor foreground(const at::Tensor& logits, int64_t prompt) {
    return logits.select(1, prompt).softmax(1).narrow(1, 1, 1);
  }

  // Eq. (1).
  at::Tensor supervise(const Stream& labelled, const at::Tensor& y, Step& step) const {
    const at::Tensor logits =
        logits_of(labelled.image(), labelled.task.unsqueeze(1), step, "labelled", labelled.samples);
    return dice_sq_fg(foreground(logits, 0), y, *step.comm) +
           cross_entropy(logits.select(1, 0), y, *step.comm);
  }

  // Masks [n,S] of one cube a sample, 1 outside; rows: places of this rank's samples among `all`.
  at::Tensor cubes(const std::string& mix, double fraction, const at::Tensor& image, int64_t all,
                   const SampleIds& rows, const Step& step) const {
    const at::IntArrayRef size = image.sizes().slice(2);
    const at::Tensor offsets =
        draw_box_offsets("mix_box_offset." + mix, size, fraction, {all}, *step.draws);
    std::vector<int64_t> shape = size.vec();
    shape.insert(shape.begin(), std::ssize(rows));
    const at::Tensor masks = at::empty(shape, at::kLong);
    for (int64_t i = 0; i < std::ssize(rows); ++i)
      masks[i].copy_(copy_paste_mask(size, fraction, offsets[rows[static_cast<size_t>(i)]]));
    return masks.to(image.device());
  }

  static at::Tensor mixed(const at::Tensor& outside, const at::Tensor& inside,
                          const at::Tensor& mask) {
    return outside * mask + inside * (1 - mask);
  }

  static Half half_of(const Stream& labelled, const at::Tensor& y, int64_t which) {
    const int64_t n = labelled.size() / 2, first = which * n;
    const auto rows = [&](const at::Tensor& all) { return all.slice(0, first, first + n); };
    return {rows(labelled.image()), rows(y), rows(labelled.task)};
  }

  // Eqs. (2) and, in pre-training, (3): the labelled halves with a cube of b in a.
  at::Tensor mix_halves(const Stream& labelled, const at::Tensor& y, double fraction,
                        bool is_specific, Step& step) const {
    const Half a = half_of(labelled, y, 0), b = half_of(labelled, y, 1);
    const SampleIds samples(labelled.samples.begin(),
                            labelled.samples.begin() + labelled.size() / 2);
    const at::Tensor mask = cubes("0", fraction, a.image, labelled_ / 2, samples, step);
    const at::Tensor image = mixed(a.image, b.image, mask.unsqueeze(1)),
                     label = mixed(a.label, b.label, mask);
    std::vector<at::Tensor> prompts = {at::full_like(a.task, tasks_)};
    if (is_specific) prompts.insert(prompts.end(), {a.task, b.task});
    const at::Tensor logits = logits_of(image, at::stack(prompts, 1), step, "synthetic", samples);
    const at::Tensor synthetic = dice_sq_fg(foreground(logits, 0), label, *step.comm);
    step.record("loss.synthetic", synthetic);
    if (!is_specific) return synthetic;
    std::vector<int64_t> one(static_cast<size_t>(label.dim()), 1);
    one[0] = label.size(0);
    const at::Tensor same = (a.task == b.task).to(label.device()).view(one);
    const auto own = [&](int64_t prompt, const at::Tensor& part) {
      return dice_sq_fg(foreground(logits, prompt), at::where(same, label, part), *step.comm);
    };
    const at::Tensor specific = 0.5 * (own(1, a.label * mask) + own(2, b.label * (1 - mask)));
    step.record("loss.specific", specific);
    return synthetic + specific;
  }

  at::Tensor pre_train(const Stream& labelled, const at::Tensor& y, Step& step) const {
    return mix_halves(labelled, y, options_.box_ratio, /*is_specific=*/true, step);
  }

  at::Tensor train(const Batch& batch, const at::Tensor& y, Step& step) const {
    const auto& range = options_.box_ratio_range;
    const at::Tensor ratios =
        step.draws->on(at::kCPU).between("mix_box_ratio", {2}, range[0], range[1]);
    const at::Tensor synthetic = mix_halves(batch["labelled"], y, ratios[0].item<double>(),
                                            /*is_specific=*/false, step);
    return synthetic + paste(batch, y, ratios[1].item<double>(), step);
  }

  // Eqs. (4) and (5): a labelled cube in unlabelled images.
  at::Tensor paste(const Batch& batch, const at::Tensor& y, double fraction, Step& step) const {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const at::Tensor mask =
        cubes("1", fraction, labelled.image(), labelled_, labelled.samples, step);
    const at::Tensor image = mixed(unlabelled.image(), labelled.image(), mask.unsqueeze(1));
    const at::Tensor prompts = at::arange(tasks_ + 1).expand({labelled.size(), tasks_ + 1});
    const at::Tensor logits = logits_of(image, prompts, step, "paste", unlabelled.samples);
    const at::Tensor tasks = logits.slice(1, 0, tasks_).softmax(2).select(2, 1);
    at::Tensor q = std::get<0>(tasks.max(1)).unsqueeze(1);
    if (options_.detach_aggregate) q = q.detach();
    const at::Tensor any = foreground(logits, tasks_);
    const at::Tensor consistency = dice_sq_soft(any, q, {}, *step.comm);
    at::Tensor where = (1 - mask).to(any.scalar_type());
    if (options_.compat_broadcast) where = step.comm->sum(where.sum(0)).expand_as(where);
    const at::Tensor pasted =
        dice_sq_soft(any, y.unsqueeze(1).to(any.scalar_type()), where, *step.comm);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.consistency", consistency);
    step.record("loss.paste", pasted);
    step.record("consistency_weight", weight);
    return weight * consistency + pasted;
  }

  Options options_;
  int64_t tasks_, labelled_;
  bool has_task_classes_;
  Plan plan_;
  std::unique_ptr<Backbone> network_, average_;
  std::unique_ptr<Optimiser> optimiser_;
  TaskPredictor predictor_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "versemi",
     .summary = "One network for the tasks of a collection, which a prompt tells apart",
     .family = "copy-paste",
     .paper = "Zeng et al., IEEE TMI 2025",
     .networks = {.slices = "versemi_vnet", .volumes = "versemi_vnet", .is_only = true},
     // Norms of each sample over a few voxels multiply roundings.
     .small_patch = [](int64_t axes) { return std::vector<int64_t>(axes, axes == 2 ? 64 : 32); },
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<Versemi>(context); }});

}  // namespace
}  // namespace semiseg::versemi
