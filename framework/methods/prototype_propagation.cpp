// SPDX-License-Identifier: Apache-2.0
// Prototype propagation: the features of a frozen network, which another program computed once
// (dataset.features), carry the labels of labelled images to unlabelled ones. Class prototypes are
// those of Snell et al., NeurIPS 2017, with cosine similarity; there is no reference implementation.
//
//   f_i  = φ_i / ‖φ_i‖, φ_i the F features of voxel i; 0 where φ_i = 0 (padding)
//   m_c  ← α m_c + (1 − α) mean of f_i over labelled voxels of class c in the global batch; the first
//          mean as it is; a class that the batch lacks stays
//   q_i  = softmax over the classes seen so far of cos(f_i, m_c) / T,  ŷ_i, s_i = argmax, max of q_i
//   P    = ½ (Σ M CE(z_u, ŷ) / N + D over M),  M: s_i ≥ τ and φ_i ≠ 0;  N the number of all voxels
//   L    = ½ (CE + D)(z_l, y) + λ(t) P
//
// teacher = "probabilities" takes features that are probabilities already, one for each class, as q.
// Features move with the weak view. The student is deployed and needs no features. Images of B
// samples, K classes, S spatial axes, in two and three dimensions.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <limits>

#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/methods/parts/class_prototypes.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/losses/sure_loss.h"
#include "framework/methods/parts/networks/single_network.h"

namespace semiseg::prototype_propagation {
namespace {

constexpr const char* kFeatures = "features";  // the view

struct Options {
  ConsistencyOptions consistency{.weight = 1};
  LabelledDice dice = nullptr;
  std::string teacher = "prototypes";
  double decay = 0.99, temperature = 0.1, threshold = 0.8;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.dice = read_labelled_dice(section, shape.classes);
    section.read("teacher", o.teacher, {"prototypes", "probabilities"},
                 "Source of pseudo-labels: the nearest class prototype in the features, or the "
                 "features themselves, which are one probability for each class. Take "
                 "probabilities where the other program segments.");
    section.read("prototype_decay", o.decay, {0, 1},
                 "Share of a prototype that a step keeps. Lower it for short trainings.");
    section.read("temperature", o.temperature, {1e-3, 10},
                 "Divisor of the cosine similarities. Lower it when features of all classes are "
                 "alike, so that few pseudo-labels count.");
    section.read(
        "conf_thresh", o.threshold, {0, 1},
        "Confidence from which a pseudo-label counts. Lower it when mask_ratio stays low.");
    return o;
  }
};

class PrototypePropagation : public SingleNetwork {
 public:
  explicit PrototypePropagation(const MethodContext& context)
      : SingleNetwork(context, streams_with_features(context)),
        options_(Options::read(context.options, context.shape)),
        classes_(context.shape.classes) {}

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const int64_t b = labelled.size();
    if (options_.teacher == "prototypes") update_prototypes(labelled, *step.comm);
    const auto [confidence, pseudo] = probabilities(unlabelled.image(kFeatures)).max(1);
    const at::Tensor counts =
        (confidence >= options_.threshold) & (unlabelled.image(kFeatures) != 0).any(1);

    const at::Tensor logits = forward_all(batch, step).logits;
    const at::Tensor supervised =
        labelled_loss(logits.slice(0, 0, b), labelled.label, options_.dice, step);
    const at::Tensor propagated = sure_loss(logits.slice(0, b), pseudo, counts, *step.comm);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.propagated", propagated);
    step.record("loss.mask_ratio", share_of_pixels(counts, *step.comm));
    step.record("consistency_weight", weight);
    finish(supervised + weight * propagated, step);
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    visitor.tensor("prototypes", prototypes_);
    visitor.tensor("seen", seen_);
  }

 private:
  static std::vector<StreamPlan> streams_with_features(const MethodContext& context) {
    std::vector<StreamPlan> streams = labelled_and_unlabelled(context, {kWeakView, kFeatures});
    streams[0].views = {kWeakView, kFeatures};
    return streams;
  }

  static at::Tensor unit(const at::Tensor& features, int64_t axis) {
    const at::Tensor length = features.square().sum(axis, /*keepdim=*/true).sqrt();
    return features / length.clamp_min(std::numeric_limits<float>::min());
  }

  // Collective. The sums are those of the global batch.
  void update_prototypes(const Stream& labelled, const Communicator& comm) {
    const at::NoGradGuard no_grad;
    const at::Tensor features = unit(labelled.image(kFeatures), 1);
    const at::Tensor classes = at::arange(classes_, labelled.label.options());
    std::vector<int64_t> column(static_cast<size_t>(features.dim()), 1);
    column[1] = classes_;
    const at::Tensor of_class = (labelled.label.unsqueeze(1) == classes.view(column));
    const ClassPool pool = pool_classes(features, of_class.to(features.scalar_type()));
    const at::Tensor sums =
        comm.sum(at::cat({pool.sums.sum(0), pool.mass.sum(0).unsqueeze(0)})).t();  // [K,F+1]
    const at::Tensor count = sums.slice(1, -1), mean = sums.slice(1, 0, -1) / count.clamp_min(1);
    if (!prototypes_.defined()) {
      prototypes_ = at::zeros_like(mean);
      seen_ = at::zeros_like(count);
    }
    const at::Tensor moved = options_.decay * prototypes_ + (1 - options_.decay) * mean;
    prototypes_ = at::where(count > 0, at::where(seen_ > 0, moved, mean), prototypes_);
    seen_ = at::where(count > 0, at::ones_like(seen_), seen_);
  }

  // q [B,K,S] of features [B,F,S].
  at::Tensor probabilities(const at::Tensor& features) const {
    if (options_.teacher == "probabilities") {
      check_number(features.size(1), classes_, "classes");
      return features;
    }
    check_number(features.size(1), prototypes_.size(1), "features of the prototypes");
    const at::Tensor prototypes = unit(prototypes_, 1).to(features.scalar_type());
    const at::Tensor likeness = at::matmul(prototypes, unit(features, 1).flatten(2));
    const at::Tensor q = (likeness / options_.temperature)
                             .masked_fill(seen_ == 0, -std::numeric_limits<double>::infinity())
                             .softmax(1);
    std::vector<int64_t> sizes = features.sizes().vec();
    sizes[1] = classes_;
    return q.view(sizes);
  }

  static void check_number(int64_t got, int64_t expected, const char* what) {
    if (got == expected) return;
    throw Error(ErrorKind::kConfig,
                {.what = "the features of the images are not those that the method can use",
                 .where = "dataset.features",
                 .expected = fmt::format("{} {}", expected, what),
                 .got = fmt::format("{} features", got),
                 .fix = "name their folder, or set method.teacher to what they are"});
  }

  Options options_;
  int64_t classes_;
  at::Tensor prototypes_;  // [K,F] float64; undefined before the first step
  at::Tensor seen_;        // [K,1] float64: 1 where a labelled voxel had the class
};

const bool registered = MethodRegistry::instance().add(
    {.name = "prototype_propagation",
     .summary = "Class prototypes in the features of a frozen network label unlabelled images",
     .family = "prototypes",
     .paper = "after Snell et al., NeurIPS 2017",
     .small = [](int64_t) { return "conf_thresh = 0.4\nconsistency_rampup = 0.01"; },
     .read_options = read_and_forget<Options>,
     .make =
         [](const MethodContext& context) {
           return std::make_unique<PrototypePropagation>(context);
         }});

}  // namespace
}  // namespace semiseg::prototype_propagation
