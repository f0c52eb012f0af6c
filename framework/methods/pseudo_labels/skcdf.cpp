// SPDX-License-Identifier: Apache-2.0
// SKCDF, semantic knowledge complementarity: Zhang et al., CVPR 2025, as yinguanchun/SKCDF
// train_skcdf has it, for classes of very different sizes. One encoder, decoder l of ground truth
// and decoder u of pseudo-labels, each with a plain head z and a balanced head z^b (vnet_skcdf).
//
//   averages, first   l.plain ← 0.99 l.plain + 0.01 l.balanced;  u ← 0.99 u + 0.01 l, all of it;
//                     u.plain ← 0.99 u.plain + 0.01 u.balanced
//   labelled path     z, z^b of labelled and unlabelled images;  ŷ = argmax z_u, ŷ^b = argmax z^b_u
//   unlabelled path   z', z'^b of unlabelled images
//   L = L_sup + μ(t) L_u
//   L_sup = F(z_l, y) + F(m z^b_l, m y),  L_u = F(z', ŷ) + F(m_u z'^b, m_u ŷ^b)
//   m ~ Bernoulli(ρ_y), ρ_c = min N / N_c
//   m_u ~ Bernoulli(ρ(t) of ŷ^b), ρ_c(t) = 1 − t/T (1 − ρ_c)
//
// F = CE + 1 − mean foreground Dice (losses_compound.h). Masked voxels stay with logits and label
// 0, as in the reference; balance_mask = "ignore" leaves them out. N_c: class_counts, or else the
// voxels of labelled patches so far, where the reference counts its first four volumes. Rates and
// ramp go by iterations here, by epochs there. The batch stays on one rank, since the labelled path
// attends across images. Volumes only.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <map>

#include "framework/config/option_list.h"
#include "framework/core/ignore_label.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses_compound.h"

namespace semiseg::skcdf {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 10, .rampup = 1, .rampup_steps = 1500};
  double decay = 0.99;
  std::vector<double> counts;
  std::string mask = "zero";

  static Options read(const Config& section) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    section.read("ema_decay", o.decay, {0, 1},
                 "Share of the old weights that the averages at the start of a step keep.");
    section.read("class_counts", o.counts, {0, 1e18},
                 "Voxels of each class in labelled volumes, background first; empty: those of "
                 "labelled patches so far.");
    section.read("balance_mask", o.mask, {"zero", "ignore"},
                 "Voxels that the balanced head leaves out: kept with logits and label 0 as in the "
                 "reference, or left out.");
    return o;
  }
};

std::vector<std::vector<int64_t>> one_group(int64_t batch) {
  std::vector<std::vector<int64_t>> groups(1);
  for (int64_t i = 0; i < batch; ++i) groups[0].push_back(i);
  return groups;
}

class Skcdf : public SingleNetwork {
 public:
  explicit Skcdf(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context), one_group(context.batch)),
        options_(Options::read(context.options)),
        counts_(at::zeros({context.shape.classes}, at::kDouble)) {
    if (context.batch != 2 * context.labelled) {
      context.options.fail("name", "skcdf attends between equal labelled and unlabelled parts",
                           "protocol.batch = 2 · protocol.labelled_batch",
                           "e.g. protocol.batch=4 protocol.labelled_batch=2");
    }
    if (!options_.counts.empty()) counts_ = at::tensor(options_.counts, at::kDouble);
  }

  void step(const Batch& batch, Step& step) override {
    average();
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const int64_t b = labelled.size();
    if (options_.counts.empty()) count(labelled.label, step);
    const NetworkOutput both =
        network_->forward({batch.joined(), {{"labelled", at::full({}, b, at::kLong)}}},
                          step.train_pass("student/labelled", batch.samples));
    const NetworkOutput alone = network_->forward(
        unlabelled.image(), step.train_pass("student/unlabelled", unlabelled.samples));
    const at::Tensor pseudo = both.logits.slice(0, b).detach().argmax(1),
                     pseudo_balanced = both["balanced"].slice(0, b).detach().argmax(1);
    const double progress =
        static_cast<double>(step.iteration + 1) / static_cast<double>(step.stage_iterations);
    const at::Tensor ratio = counts_.min() / counts_.clamp_min(1);
    const at::Tensor mask_l = drawn("balance_uniform.labelled", ratio, labelled.label,
                                    labelled.samples, step),
                     mask_u = drawn("balance_uniform.unlabelled", 1 - progress * (1 - ratio),
                                    pseudo_balanced, unlabelled.samples, step);
    const at::Tensor supervised =
        dc_and_ce(both.logits.slice(0, 0, b), labelled.label, {}, *step.comm) + 1 +
        balanced(both["balanced"].slice(0, 0, b), labelled.label, mask_l, step) + 1;
    const at::Tensor learnt = dc_and_ce(alone.logits, pseudo, {}, *step.comm) + 1 +
                              balanced(alone["balanced"], pseudo_balanced, mask_u, step) + 1;
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.supervised", supervised);
    step.record("loss.pseudo", learnt);
    step.record("consistency_weight", weight);
    finish(supervised + weight * learnt, step);
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    visitor.scope("classes", [this](StateVisitor& v) { v.tensor("counts", counts_); });
  }

 private:
  // θ ← decay θ + (1 - decay) other, of parameters by their names; a network that lacks them keeps
  // all.
  void average() {
    const at::NoGradGuard no_grad;
    std::map<std::string, at::Tensor> named;
    for (const NamedTensor& parameter : network_->parameters())
      named.emplace(parameter.name, parameter.value);
    const auto towards = [&](const std::string& name, const std::string& other) {
      const auto to = named.find(name), from = named.find(other);
      if (to != named.end() && from != named.end())
        to->second.lerp_(from->second, 1 - options_.decay);
    };
    const auto plain_towards_balanced = [&](const std::string& decoder) {
      for (const char* tensor : {"weight", "bias"})
        towards(decoder + ".out_conv9." + tensor, decoder + ".out_conv9_abc." + tensor);
    };
    plain_towards_balanced("decoder_l");
    const std::string u = "decoder_u", l = "decoder_l";
    for (const auto& [name, value] : named) {
      if (name.starts_with(u)) towards(name, l + name.substr(u.size()));
    }
    plain_towards_balanced("decoder_u");
  }

  void count(const at::Tensor& label, const Step& step) {
    const int64_t classes = counts_.size(0);
    const at::Tensor known = label.flatten().masked_select((label != kIgnoreLabel).flatten());
    counts_ += step.comm->sum(at::bincount(known, {}, classes).to(at::kCPU, at::kDouble));
  }

  // [N,S] bool: where the draw is below the ratio of the label's class.
  at::Tensor drawn(const std::string& draw, const at::Tensor& ratio, const at::Tensor& label,
                   const SampleIds& samples, const Step& step) const {
    std::vector<int64_t> shape = label.sizes().slice(1).vec();
    shape.insert(shape.begin(), 1);
    const at::Tensor number = step.draws->uniform(draw, shape, samples).squeeze(1);
    const at::Tensor known = label.masked_fill(label == kIgnoreLabel, 0);
    const at::Tensor of_label =
        ratio.to(label.device()).index_select(0, known.flatten()).view(label.sizes());
    return number.to(at::kDouble) < of_label;
  }

  at::Tensor balanced(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& mask,
                      const Step& step) const {
    if (options_.mask == "ignore")
      return dc_and_ce(logits, label.masked_fill(at::logical_not(mask), kIgnoreLabel), {},
                       *step.comm);
    return dc_and_ce(logits * mask.unsqueeze(1).to(logits.scalar_type()),
                     label * mask.to(label.scalar_type()), {}, *step.comm);
  }

  Options options_;
  at::Tensor counts_;  // [K] float64 voxels of each class
};

const bool registered = MethodRegistry::instance().add(
    {.name = "skcdf",
     .summary = "Two decoders, one of ground truth, with heads balanced over classes",
     .family = "pseudo-labels",
     .paper = "Zhang et al., CVPR 2025",
     .networks = {.slices = "none", .volumes = "vnet_skcdf", .divisor = 32},
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<Skcdf>(context); }});

}  // namespace
}  // namespace semiseg::skcdf
