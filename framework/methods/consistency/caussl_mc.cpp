// SPDX-License-Identifier: Apache-2.0
// CauSSL on mutual consistency: Miao et al., ICCV 2023, as JuzhengMiao/CauSSL train_MCNetCauSSL has
// it: one encoder with three decoders (vnet_mct) that sharpen each other's predictions and keep their
// filters algebraically independent.
//
//   s(p) = p² / Σ_c p²,  no gradient
//   L   = Σ_d ½ (CE(z_d, y) + D(p_d, y)) + λ(t) Σ_{i≠j} mean (p_i − s(p_j))² + w Σ_d C_d
//   C_d = mean over layers and filters of cos²(f_d, row of A_d stop [F_i; F_j]); F has the filters of a
//         layer of the two other decoders as rows, A_d is [D,2D] (filter_independence.h)
//
// The consistency is that of unlabelled images. Layers are those of blocks six to nine and the output
// layer of each decoder. w = 3 from independence_start on, once the maps were updated: every
// coefficient_every iterations 60 Adam steps maximise C over them. In the reference the filters of
// decoders two and three are copies without gradient, so that C acts on the first alone
// (independence_on = "first"); "all" is the equation of the paper. D is the Dice of the foreground
// where there are two classes. The first decoder is deployed. Volumes only, as the reference.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/filter_independence.h"
#include "framework/methods/parts/labelled_loss.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/nn/losses/losses.h"
#include "framework/nn/losses/losses_consistency.h"

namespace semiseg::caussl_mc {
namespace {

constexpr const char* kNetwork = "vnet_mct";
// The parameters of a decoder end so, before the name of their layer.
constexpr const char* kSuffixes[] = {"", "_trilinear", "_nearest"};
constexpr int kDecoders = 3;

struct Options {
  ConsistencyOptions consistency{.weight = 0.1, .rampup = 1.2, .rampup_steps = 40};
  LabelledDice dice = nullptr;
  IndependenceOptions independence;
  double independence_weight = 3;
  int64_t independence_start = 40;
  std::string independence_on = "first";

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.dice =
        read_labelled_dice(section, shape.classes, shape.classes == 2 ? "dice_sq_fg" : "dice_sq");
    o.independence = IndependenceOptions::read(section);
    section.read("independence_weight", o.independence_weight, {0, 1000},
                 "Weight of the likeness of the decoders' filters. Raise it when the decoders "
                 "become alike.");
    section.read("independence_start", o.independence_start, {0, 1e9},
                 "Iteration behind which the likeness of filters counts. Lower it for short "
                 "trainings.");
    section.read("independence_on", o.independence_on, {"first", "all"},
                 "Decoders whose filters become independent: the first alone, as in the reference, "
                 "or all, as in the paper.");
    return o;
  }
};

// The filters [D,K] of blocks six to nine and of the output layer of one decoder.
std::vector<at::Tensor> filters_of_decoder(const Backbone& network, int decoder) {
  std::vector<at::Tensor> filters;
  for (const NamedTensor& parameter : network.parameters()) {
    if (parameter.value.dim() < 4) continue;
    for (const char* part : {"block_six", "block_seven", "block_eight", "block_nine", "out_conv"}) {
      if (parameter.name.starts_with(part + std::string(kSuffixes[decoder]) + "."))
        filters.push_back(parameter.value.flatten(1));
    }
  }
  return filters;
}

class CausalMutualConsistency : public SingleNetwork {
 public:
  explicit CausalMutualConsistency(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context)),
        options_(Options::read(context.options, context.shape)) {
    const int count = options_.independence_on == "all" ? kDecoders : 1;
    for (int d = 0; d < count; ++d)
      maps_.emplace_back(filters_of_decoder(*network_, d), "decoder" + std::to_string(d + 1),
                         /*others=*/kDecoders - 1);
  }

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    const NetworkOutput out = forward_all(batch, step);
    std::vector<at::Tensor> logits = {out.logits};
    for (const NamedTensor& head : auxiliary_heads(out, "caussl_mc", kNetwork))
      logits.push_back(head.value);

    at::Tensor supervised = at::zeros({}, out.logits.options()),
               consistency = at::zeros({}, out.logits.options());
    std::vector<at::Tensor> p;
    for (const at::Tensor& z : logits) {
      const at::Tensor of_labels = z.slice(0, 0, b);
      supervised =
          supervised + 0.5 * (cross_entropy(of_labels, labelled.label, *step.comm) +
                              options_.dice(of_labels.softmax(1), labelled.label, *step.comm));
      p.push_back(z.slice(0, b).softmax(1));
    }
    for (size_t i = 0; i < p.size(); ++i) {
      for (size_t j = 0; j < p.size(); ++j) {
        if (i != j) consistency = consistency + mean_teacher_mse(p[i], sharpened(p[j]), *step.comm);
      }
    }
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.supervised", supervised);
    step.record("loss.consistency", consistency);
    step.record("consistency_weight", weight);
    at::Tensor total = supervised + weight * consistency;
    if (update_maps(step)) {
      const at::Tensor likeness = independence(step);
      step.record("loss.independence", likeness);
      total = total + options_.independence_weight * likeness;
    }
    finish(total, step);
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    for (FilterMaps& maps : maps_) maps.state(visitor);
  }

 private:
  static at::Tensor sharpened(const at::Tensor& p) {
    const at::Tensor square = p.detach().square();
    return square / square.sum(1, /*keepdim=*/true);
  }

  // Layer by layer the filters of the other decoders, one below the other.
  std::vector<at::Tensor> others(int decoder) const {
    std::vector<at::Tensor> stacked;
    for (int d = 0; d < kDecoders; ++d) {
      if (d == decoder) continue;
      const std::vector<at::Tensor> filters = filters_of_decoder(*network_, d);
      for (size_t layer = 0; layer < filters.size(); ++layer) {
        if (stacked.size() <= layer) {
          stacked.push_back(filters[layer].detach());
        } else {
          stacked[layer] = at::cat({stacked[layer], filters[layer].detach()});
        }
      }
    }
    return stacked;
  }

  // True when the likeness of filters counts in this step.
  bool update_maps(Step& step) {
    if (step.iteration <= options_.independence_start) return false;
    for (int d = 0; step.iteration % options_.independence.every == 0 && d < std::ssize(maps_); ++d)
      maps_[static_cast<size_t>(d)].maximise(filters_of_decoder(*network_, d), others(d),
                                             options_.independence, step);
    return maps_.front().are_ready();
  }

  at::Tensor independence(const Step& step) const {
    at::Tensor sum;
    for (int d = 0; d < std::ssize(maps_); ++d) {
      const at::Tensor likeness = step.comm->replicated(
          maps_[static_cast<size_t>(d)].likeness(filters_of_decoder(*network_, d), others(d)));
      sum = sum.defined() ? sum + likeness : likeness;
    }
    return sum;
  }

  Options options_;
  std::vector<FilterMaps> maps_;  // of the decoders whose filters become independent
};

const bool registered = MethodRegistry::instance().add(
    {.name = "caussl_mc",
     .summary = "Three decoders sharpen each other and keep their filters independent",
     .family = "consistency",
     .paper = "Miao et al., ICCV 2023",
     .networks = {.slices = "none", .volumes = kNetwork, .is_only = true},
     .small =
         [](int64_t) {
           return "independence_start = 0\ncoefficient_every = 2\ncoefficient_steps = 2";
         },
     .read_options = read_and_forget<Options>,
     .make =
         [](const MethodContext& context) {
           return std::make_unique<CausalMutualConsistency>(context);
         }});

}  // namespace
}  // namespace semiseg::caussl_mc
