// SPDX-License-Identifier: Apache-2.0
// TAC, task-affinity consistency: Chen, Zhang, Debattista & Han, IEEE TMI 42(3), 2023, as
// jingkunchen/TAC train_class_attention.py has it. The equations are those of the code; (n) numbers
// them here.
//
//   (1) L_sup = Σ_c D(S_l,c, Y_c),  D(p, y) = 1 − (2Σpy + 1e-5) / (Σp² + Σy² + 1e-5)
//   (2) P[c,b,k] = Σ_v F[b,k,v] G[b,c,v] / (Σ_{b',v} G[b',c,v] + ε)      parts/class_prototypes.h
//   (3) M(F) = mean over c, b, k of (P_u[c,b,k] − P_l[c,b,k])²
//   (4) L = L_sup + w_att Σ M(attention maps) + w_enc Σ M(encoder maps),  w_att = 1, w_enc = ½
//
// S = σ(z), each class by itself, of the logits z of one pass over the whole batch; Y one-hot. The
// guide G is Y for labelled and S for unlabelled samples, at the size of the map F. Axes: b samples
// of a group (labelled sample b is paired with unlabelled sample b, whoever their patients are), k
// features, c classes, v voxels. Nothing is detached, no ramp, no teacher. The views are the
// network's heads encoder_* and attention_* (backbone=tac_vnet); of a network without them the
// features before its last layer are the only view, with w_enc.
//
// Departures that can be switched on: prototypes of whole groups instead of arbitrary pairs
// (group_mean), a denominator for each sample (per_sample_norm), classes that no labelled crop
// shows left out (skip_absent_class: the reference pulls their unlabelled prototype to 0). The
// published text could not be consulted; the reference computes a cross entropy for its log only,
// which is left out, and holds its learning rate for an epoch of 8 iterations.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/method.h"
#include "framework/methods/parts/class_prototypes.h"
#include "framework/methods/parts/networks/network_predictor.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::tac {
namespace {

struct Options {
  double attention_weight = 1, encoder_weight = 0.5;
  std::string activation = "sigmoid";
  AffinityOptions affinity;

  static Options read(const Config& section) {
    Options o;
    section.read("attention_weight", o.attention_weight, {0, 1000},
                 "Weight of the consistency of the gated skips (structure view). 0 leaves the view "
                 "out; lower it when the affinity losses outweigh the Dice loss.");
    section.read("encoder_weight", o.encoder_weight, {0, 1000},
                 "Weight of the consistency of the encoder's maps (context view). 0 leaves the "
                 "view out.");
    section.read("activation", o.activation, {"sigmoid", "softmax"},
                 "Probabilities of the classes: each by itself (sigmoid, as in the reference) or "
                 "together (softmax). Take softmax with many classes that exclude each other.");
    section.read("pool_eps", o.affinity.epsilon, {0, 1},
                 "Number of voxels that is added to the mass of a class before the division.");
    section.read(
        "group_mean", o.affinity.group_mean,
        "Compares the prototypes of the labelled and the unlabelled group instead of pairs "
        "of samples. Switch it on when the two groups differ in size.");
    section.read("per_sample_norm", o.affinity.per_sample,
                 "Divides by the mass of a class in each sample instead of in the group. Switch it "
                 "on when samples differ much in the size of their structures.");
    section.read("skip_absent_class", o.affinity.skip_absent_class,
                 "Leaves out classes that no labelled voxel of the batch has. Switch it on when "
                 "crops often lack a class; the reference pulls its prototype to zero.");
    return o;
  }
};

// [N,C,S] in the dtype of `like`; voxels whose label is no class are 0 everywhere.
at::Tensor one_hot(const at::Tensor& label, const at::Tensor& like) {
  std::vector<int64_t> shape(static_cast<size_t>(like.dim()), 1);
  shape[1] = like.size(1);
  const at::Tensor classes = at::arange(like.size(1), like.options().dtype(at::kLong)).view(shape);
  return (label.unsqueeze(1) == classes).to(like.scalar_type());
}

std::vector<std::vector<int64_t>> pairs(int64_t labelled) {
  std::vector<std::vector<int64_t>> groups;
  for (int64_t i = 0; i < labelled; ++i) groups.push_back({i, labelled + i});
  return groups;
}

class Tac : public Method {
 public:
  explicit Tac(const MethodContext& context)
      : options_(Options::read(context.options)),
        stage_{.name = "train",
               .iterations = context.iterations,
               .streams = labelled_and_unlabelled(context)},
        network_(context.make_network({"student"})),
        optimiser_(make_optimiser("student", network_->parameters(), context.optimiser)),
        predictor_(*network_) {
    if (options_.affinity.group_mean) return;
    if (context.batch != 2 * context.labelled) {
      context.options.fail(
          "group_mean",
          "tac pairs each labelled sample with an unlabelled one, and the batch "
          "has other numbers of them",
          "protocol.batch = 2 · protocol.labelled_batch, or method.group_mean=true",
          "e.g. protocol.batch=4 protocol.labelled_batch=2");
    }
    stage_.colocated = pairs(context.labelled);
  }

  Plan plan() const override { return {{stage_}}; }

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    const NetworkOutput out =
        network_->forward(batch.joined(), step.train_pass("student", batch.samples));
    const at::Tensor s =
        options_.activation == "sigmoid" ? out.logits.sigmoid() : out.logits.softmax(1);
    const at::Tensor s_l = s.slice(0, 0, b);
    const at::Tensor dice =
        static_cast<double>(s.size(1)) * dice_sq(s_l, labelled.label, *step.comm);
    const auto [encoder, attention] =
        affinities(out, {one_hot(labelled.label, s_l), s.slice(0, b)}, b, step);
    const at::Tensor total =
        dice + options_.attention_weight * attention + options_.encoder_weight * encoder;
    step.record("loss.supervised_dice", dice);
    step.record("loss.encoder_affinity", encoder);
    step.record("loss.attention_affinity", attention);
    step.record("loss.total", total);
    step.minimise(*optimiser_, total);
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    visitor.scope("student", [this](StateVisitor& v) { network_->state(v); });
    optimiser_->state(visitor);
  }

 private:
  struct Affinities {
    at::Tensor encoder, attention;
  };

  // Sums over the maps of each view; b: labelled samples of this rank, which come first.
  Affinities affinities(const NetworkOutput& out, const GroupPair& guides, int64_t b,
                        Step& step) const {
    std::vector<GroupPair> maps;
    std::vector<bool> is_attention;
    const auto add = [&](const at::Tensor& map, bool attention) {
      maps.push_back({map.slice(0, 0, b), map.slice(0, b)});
      is_attention.push_back(attention);
    };
    for (const NamedTensor& head : out.others) {
      if (head.name.starts_with("encoder_")) add(head.value, false);
      if (head.name.starts_with("attention_")) add(head.value, true);
    }
    if (maps.empty()) add(out.features, false);
    const std::vector<at::Tensor> means =
        task_affinity(maps, guides, options_.affinity, *step.comm);
    const at::Tensor zero = at::zeros({}, out.logits.options());
    Affinities sums{zero, zero};
    for (size_t i = 0; i < means.size(); ++i) {
      at::Tensor& sum = is_attention[i] ? sums.attention : sums.encoder;
      sum = sum + means[i];
    }
    return sums;
  }

  Options options_;
  Stage stage_;
  std::unique_ptr<Backbone> network_;
  std::unique_ptr<Optimiser> optimiser_;
  NetworkPredictor predictor_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "tac",
     .summary = "Class prototypes of labelled and unlabelled images agree at every scale",
     .family = "prototypes",
     .paper = "Chen et al., IEEE TMI 2023",
     .networks = {.volumes = "tac_vnet"},
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<Tac>(context); }});

}  // namespace
}  // namespace semiseg::tac
