// SPDX-License-Identifier: Apache-2.0
// A&D, Aggregating & Decoupling: Wang & Li, NeurIPS 2023, as xmed-lab/GenericSSL
// code/train_diffusion.py has it. One iteration, in this order; l labelled, u unlabelled images, C
// classes, sums over the batch:
//
//   (1) θ ← a θ + (1 − a)(ξ + ψ)/2, decoder parameters alone, a = 0.99
//   (2) t uniform, ε ~ N(0, 1);  x_t = √ᾱ_t x_0 + √(1−ᾱ_t) ε,  x_0 = 2·onehot(y) − 1
//   (3) p_ξ = ξ(x^l, x_t, t),  p_ψ = ψ(x^l);  L_deno = DiceCE(p_ξ, y)
//   (4) w = C d r, difficulty of the classes for ξ (parts/class_weights.h);
//       L_diff = DiceCE_w(p_ψ, y)
//   (5) without gradient: x̂0 of DDIM sampling for x^u;  g Gumbel noise, G a Gaussian of 3 voxels,
//       ŷ = argmax(G * softmax(x̂0 + g) + softmax ψ(x^u))
//   (6) L_u = DiceCE(θ(x^u), ŷ);  L = L_deno + L_diff + μ L_u, one step over all parameters,
//       μ = 10 exp(−5 (1 − t)²), t the share of the training that is over
//
// DiceCE: losses_compound.h. Only θ is deployed, with the parameters of a plain V-Net. As in the
// reference the network samples in training mode: its dropout is on and its running statistics move
// with all 14 passes of the encoder (pseudo_mode = eval: without both). Departures: rate and μ
// follow the iteration instead of the epoch before; difficulty_normalised divides the weights by
// the largest as DHC does; skip_absent_class keeps the difficulty of a class that a batch lacks,
// which in the reference jumps between λ = ½ and 0.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/option_list.h"
#include "framework/methods/method.h"
#include "framework/methods/parts/class_weights.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/diffusion.h"
#include "framework/methods/parts/networks/deployed_part.h"
#include "framework/methods/parts/networks/network_predictor.h"
#include "framework/nn/losses/losses_compound.h"

namespace semiseg::aggregate_decouple {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 10};
  double ema_decay = 0.99;
  int64_t diffusion_steps = 1000, ddim_steps = 10, difficulty_steps = 50;
  bool difficulty_weights = true, difficulty_normalised = false, skip_absent_class = false;
  std::string pseudo_label = "both", pseudo_mode = "train";

  static Options read(const Config& section) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    section.read("ema_decay", o.ema_decay, {0, 1},
                 "Share of decoder θ that is left of it before a step; the rest is the mean of ξ "
                 "and ψ. 1 switches the average off.");
    section.read("diffusion_steps", o.diffusion_steps, {2, 1e6},
                 "Number of noise levels of the diffusion.");
    section.read("ddim_steps", o.ddim_steps, {2, 1000},
                 "Number of sampling steps for a pseudo-label, each a pass through encoder and "
                 "decoder ξ. Lower it for speed.");
    section.read(
        "difficulty_steps", o.difficulty_steps, {2, 1e6},
        "Number of steps over which learning speed and Dice of a class are averaged. Raise "
        "it when batches are small and many lack a class.");
    section.read("difficulty_weights", o.difficulty_weights,
                 "Weighs the classes of ψ's loss by their difficulty. Switch it off to find out "
                 "how much the weights help.");
    section.read("difficulty_normalised", o.difficulty_normalised,
                 "Divides the weights by the largest, so that it is the number of classes. Switch "
                 "it on when the loss of ψ is too small from the start.");
    section.read("skip_absent_class", o.skip_absent_class,
                 "Keeps the difficulty of a class that neither the labels nor the predictions of a "
                 "step have. Switch it on when crops often lack classes.");
    section.read("pseudo_label", o.pseudo_label, {"both", "diffusion", "plain"},
                 "Source of the pseudo-labels: sampling and decoder ψ together, sampling alone, or "
                 "ψ alone, which costs no sampling.");
    section.read("pseudo_mode", o.pseudo_mode, {"train", "eval"},
                 "Mode of the network that makes pseudo-labels. Take eval to keep them free of "
                 "dropout and out of the running statistics of batch norms.");
    if (o.ddim_steps > o.diffusion_steps)
      section.fail("ddim_steps", "more sampling steps than noise levels",
                   "diffusion_steps at most");
    return o;
  }
};

constexpr const char *kTheta = "decoder_theta.", *kPsi = "decoder_psi.",
                     *kXi = "denoise_model.decoder.";

bool is_deployed(const std::string& name) {
  const bool is_part = name.starts_with(kTheta) || name.starts_with("embedding.") ||
                       name.starts_with("denoise_model.encoder.");
  return is_part && name.find("temb") == std::string::npos;
}

// The parameters of the three decoders that θ has, in θ's order.
class DecoderAverage {
 public:
  explicit DecoderAverage(const Backbone& network) {
    std::map<std::string, at::Tensor> all;
    for (const NamedTensor& one : network.parameters()) all.emplace(one.name, one.value);
    for (const auto& [name, value] : all) {
      if (!name.starts_with(kTheta)) continue;
      const std::string part = name.substr(std::string_view(kTheta).size());
      theta_.push_back(value);
      psi_.push_back(all.at(kPsi + part));
      xi_.push_back(all.at(kXi + part));
    }
  }

  void update(double decay) const {
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> mean = at::_foreach_add(xi_, psi_);
    at::_foreach_mul_(mean, 0.5);
    at::_foreach_lerp_(theta_, mean, 1 - decay);
  }

 private:
  std::vector<at::Tensor> theta_, psi_, xi_;
};

class AggregateDecouple : public Method {
 public:
  explicit AggregateDecouple(const MethodContext& context)
      : options_(Options::read(context.options)),
        stage_{.name = "train",
               .iterations = context.iterations,
               .streams = labelled_and_unlabelled(context)},
        labelled_(context.labelled),
        classes_(context.shape.classes),
        diffusion_(options_.diffusion_steps),
        network_(context.make_network({"student"})),
        optimiser_(make_optimiser("student", network_->parameters(), context.optimiser)),
        average_(*network_),
        difficulty_(classes_, options_.difficulty_steps, context.shape.device),
        theta_(*network_, is_deployed),
        predictor_(theta_) {}

  Plan plan() const override { return {{stage_}}; }

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    average_.update(options_.ema_decay);
    const at::Tensor xi = denoised(labelled, step),
                     psi = head("psi", labelled.image(), {}, pass_of("psi", labelled, step));
    const at::Tensor denoise = dc_and_ce(xi, labelled.label, {}, *step.comm);
    const at::Tensor weights = class_weights(xi.detach().argmax(1), labelled.label, step);
    const at::Tensor difficulty = dc_and_ce(psi, labelled.label, weights, *step.comm);
    const at::Tensor pseudo_label = make_pseudo_label(unlabelled, step);
    const at::Tensor theta =
        network_->forward(unlabelled.image(), pass_of("theta", unlabelled, step)).logits;
    const at::Tensor pseudo = dc_and_ce(theta, pseudo_label, {}, *step.comm);
    const double mu =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    const at::Tensor total = denoise + difficulty + mu * pseudo;
    step.record("loss.denoise", denoise);
    step.record("loss.difficulty", difficulty);
    step.record("loss.pseudo", pseudo);
    step.record("consistency_weight", mu);
    step.record("loss.total", total);
    step.minimise(*optimiser_, total);
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    visitor.scope("student", [this](StateVisitor& v) { network_->state(v); });
    optimiser_->state(visitor);
    visitor.scope("difficulty", [this](StateVisitor& v) { difficulty_.state(v); });
  }

 private:
  // A training pass that computes one head; dropout is drawn under "<head><suffix>".
  static Pass pass_of(const std::string& head, const Stream& stream, const Step& step,
                      const std::string& suffix = "") {
    Pass pass = step.train_pass(head + suffix, stream.samples);
    pass.heads = {head};
    return pass;
  }

  at::Tensor head(const std::string& name, const at::Tensor& image,
                  const std::vector<NamedTensor>& extras, const Pass& pass) const {
    return network_->forward({image, extras}, pass)[name];
  }

  // Numbers of the labelled samples of this rank, each in its row.
  at::Tensor denoised(const Stream& labelled, const Step& step) const {
    const at::Tensor& image = labelled.image();
    std::vector<int64_t> shape = image.sizes().slice(1).vec();
    shape[0] = classes_;
    const at::Tensor noise =
        step.draws->normal("diffusion_noise", shape, labelled.samples).to(image.options());
    const at::Tensor t =
        step.draws->integers("diffusion_step", {labelled_}, 0, options_.diffusion_steps)
            .index_select(0, at::tensor(labelled.samples, at::kLong));
    const at::Tensor x = diffusion_.noisy(Diffusion::clean(labelled.label, noise), noise, t);
    return head("xi", image, {{"noisy_label", x}, {"time", t}}, pass_of("xi", labelled, step));
  }

  at::Tensor class_weights(const at::Tensor& prediction, const at::Tensor& label, Step& step) {
    const at::Tensor counts = class_counts(prediction, label, classes_, *step.comm);
    const at::Tensor seen = options_.skip_absent_class ? counts[1] + counts[2] > 0 : at::Tensor();
    const at::Tensor v = difficulty_.update(hard_dice(counts), seen);
    if (!options_.difficulty_weights) return {};
    return options_.difficulty_normalised ? relative_to_largest(v)
                                          : static_cast<double>(classes_) * v;
  }

  // [u,S] of this rank's unlabelled samples.
  at::Tensor make_pseudo_label(const Stream& unlabelled, const Step& step) const {
    const at::NoGradGuard no_grad;
    at::Tensor score;
    if (options_.pseudo_label != "plain") score = sampled(unlabelled, step);
    if (options_.pseudo_label != "diffusion") {
      const at::Tensor plain =
          head("psi", unlabelled.image(), {}, pseudo_pass("psi", unlabelled, step, "/pseudo"))
              .softmax(1);
      score = score.defined() ? score + plain : plain;
    }
    return score.argmax(1);
  }

  at::Tensor sampled(const Stream& unlabelled, const Step& step) const {
    const at::Tensor& image = unlabelled.image();
    std::vector<int64_t> shape = image.sizes().slice(1).vec();
    shape[0] = classes_;
    const auto denoise = [&](const at::Tensor& x, const at::Tensor& t, int64_t k) {
      return head("xi", image, {{"noisy_label", x}, {"time", t}},
                  pseudo_pass("xi", unlabelled, step, "/sample/" + std::to_string(k)));
    };
    const at::Tensor start =
        step.draws->normal("sample_start", shape, unlabelled.samples).to(image.options());
    const at::Tensor clean = diffusion_.sample(start, options_.ddim_steps, denoise);
    return smooth(
        gumbel_softmax(clean, step.draws->uniform("gumbel_uniform", shape, unlabelled.samples)));
  }

  Pass pseudo_pass(const std::string& head, const Stream& stream, const Step& step,
                   const std::string& suffix) const {
    if (options_.pseudo_mode == "train") return pass_of(head, stream, step, suffix);
    return {.heads = {head}};
  }

  Options options_;
  Stage stage_;
  int64_t labelled_, classes_;
  Diffusion diffusion_;
  std::unique_ptr<Backbone> network_;
  std::unique_ptr<Optimiser> optimiser_;
  DecoderAverage average_;
  ClassDifficulty difficulty_;
  DeployedPart theta_;
  NetworkPredictor predictor_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "aggregate_decouple",
     .summary = "A diffusion decoder and a difficulty-aware one make the labels of a third",
     .family = "pseudo-labels",
     .paper = "Wang & Li, NeurIPS 2023",
     .networks = {.slices = "diff_vnet", .volumes = "diff_vnet", .is_only = true},
     // The reference samples in ten steps, which random weights make chaotic: a rounding of another
     // order of sums would end in other labels. Norms over a few voxels multiply roundings, too.
     .small = [](int64_t) { return "ddim_steps = 2"; },
     .small_patch =
         [](int64_t axes) {
           return axes == 3 ? std::vector<int64_t>{16, 32, 32} : std::vector<int64_t>{32, 32};
         },
     .read_options = read_and_forget<Options>,
     .make =
         [](const MethodContext& context) {
           return std::make_unique<AggregateDecouple>(context);
         }});

}  // namespace
}  // namespace semiseg::aggregate_decouple
