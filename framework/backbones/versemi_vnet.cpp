// SPDX-License-Identifier: Apache-2.0
// The network of VerSemi (Zeng et al., IEEE TMI 2025), as maxwell0027/VerSemi has it: a V-Net whose
// last layers are made for each image and task (DoDNet, Zhang et al., CVPR 2021).
//
//   trunk       levels one to eight of vnet.cpp with instance norm, without the skip at full
//               resolution: h = precls(level eight, up), precls = norm → ReLU → conv 1³ to 8
//               channels
//   condition   [GAP(x5), e(t)], GAP = norm → ReLU → mean over space, e(t) one-hot of T + 1 prompts
//   controller  conv 1³: condition → 180 numbers θ: W0, W1 [8,8], W2, W3 [2,8], b0, b1 [8], b2,
//               b3 [2]
//   head        W2 ReLU(W1 ReLU(W0 h + b0) + b1) + b2: logits of background and foreground
//
// Prompts are 0 … T − 1, the tasks, and T, the foreground of any task. The extra input "prompt",
// int64 [N,P], asks for P prompts an image; without it the one prompt is T. logits are those of the
// first; the head "prompts" is all of them, [N,P,2,S]. Trunk and precls run once an image, the
// heads as batched matrix products. The reference runs the whole network for each prompt, so its
// two batch norms see a batch P times: here their running statistics move as often. W3 and b3 feed
// a second head of the reference that no loss reads: their rows of the controller never learn
// (second_head = false leaves them out). 9,484,144 parameters with one channel and four tasks. In
// 2-D kernels have two axes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>

#include "framework/backbones/vnet/vnet_levels.h"
#include "framework/config/option_list.h"
#include "framework/core/error.h"

namespace semiseg::versemi_vnet {
namespace {

constexpr int64_t kHidden = 8, kLogits = 2;
constexpr double kMomentum = 0.1;  // of the batch norms

struct Options {
  int64_t filters = 16;
  double dropout = 0;
  bool second_head = true;

  static Options read(const Config& section) {
    Options o;
    section.read("filters", o.filters, {1, 4096},
                 "Number of channels at full resolution; doubled in each of the next four levels. "
                 "Halve it for a quarter of the work.");
    section.read(
        "dropout", o.dropout, {0, 0.99},
        "Probability that a channel of the deepest block is dropped. The reference has the "
        "layer and leaves it off; raise it when the network overfits.");
    section.read("second_head", o.second_head,
                 "Keeps the controller's rows of the reference's unused second head. Switch it off "
                 "unless weights are exchanged with the reference.");
    return o;
  }
};

std::vector<VNetLevel> make_levels(const Module& root, const LevelWidth& width) {
  std::vector<VNetLevel> levels;
  for (size_t i = 0; i < kVNetLast; ++i) levels.push_back(make_vnet_level(root, i, width));
  return levels;
}

// The running statistics of batch norms before a pass.
class RepeatedPasses {
 public:
  RepeatedPasses(const std::vector<NamedTensor>& buffers, int64_t passes)
      : buffers_(buffers), passes_(passes) {
    if (passes_ == 1) return;
    for (const NamedTensor& buffer : buffers_) before_.push_back(buffer.value.clone());
  }

  // After one pass r₁ = (1 − m) r₀ + m s: sets r_P = (1 − m)^P r₀ + (1 − (1 − m)^P) s.
  void finish() const {
    const at::NoGradGuard no_grad;
    const double keep = std::pow(1 - kMomentum, static_cast<double>(passes_));
    for (size_t i = 0; i < before_.size(); ++i) {
      at::Tensor buffer = buffers_[i].value;
      if (!buffer.is_floating_point()) {
        buffer.add_(passes_ - 1);
      } else {
        const at::Tensor batch = (buffer - (1 - kMomentum) * before_[i]) / kMomentum;
        buffer.copy_(keep * before_[i] + (1 - keep) * batch);
      }
    }
  }

 private:
  const std::vector<NamedTensor>& buffers_;
  int64_t passes_;
  std::vector<at::Tensor> before_;
};

class VersemiVNet : public ModuleBackbone {
 public:
  VersemiVNet(const Options& options, const LevelWidth& width, const NetworkShape& shape,
              const Draws& draws, const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        axes_(static_cast<size_t>(width.axes)),
        tasks_(shape.tasks),
        deepest_(vnet_channels(kVNetDeepest, width.filters)),
        levels_(make_levels(root_, width)),
        gap_(root_.child("GAP.0"), deepest_),
        controller_(root_.child("controller"),
                    pointwise(deepest_ + tasks_ + 1, numbers(options.second_head))),
        precls_norm_(root_.child("precls_conv.0"), width.filters),
        precls_(root_.child("precls_conv.2"), pointwise(width.filters, kHidden)),
        dropout_(root_.child("block_five.dropout"), options.dropout, DropoutKind::kChannel),
        second_head_(options.second_head) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_level_sides(input.image.sizes().slice(2), "versemi_vnet", axes_);
    const at::Tensor prompt = prompts_of(input);
    const RepeatedPasses repeated(buffers(), pass.mode == NetworkMode::kTrain ? prompt.size(1) : 1);
    at::Tensor x = input.image;
    std::vector<at::Tensor> skips = encode_vnet(levels_, x, pass);
    const at::Tensor x5 = dropout_(levels_[kVNetDeepest].block(x, pass), pass);
    x = x5;
    for (size_t i = kVNetDeepest; i + 1 < kVNetLast; ++i) {
      x = levels_[i + 1].block((*levels_[i].resize)(x, pass) + skips.back(), pass);
      skips.pop_back();
    }
    x = (*levels_.back().resize)(x, pass);
    const at::Tensor h = precls_(precls_norm_(x, pass, /*slope=*/0));
    const at::Tensor logits = heads(h, numbers_of(x5, prompt, pass));
    if (pass.mode == NetworkMode::kTrain) repeated.finish();
    return {logits.select(1, 0), h, {{"prompts", logits}}};
  }

  Classifier classifier() const override {
    throw Error(ErrorKind::kConfig,
                {.what = "versemi_vnet makes its last layer anew for each image and task",
                 .expected = "a network with one last linear layer",
                 .fix = "choose another backbone (backbone=vnet) for this method"});
  }

 private:
  ConvOptions pointwise(int64_t in, int64_t out) const {
    return {.in = in, .out = out, .kernel = std::vector<int64_t>(axes_, 1)};
  }
  static int64_t numbers(bool second_head) {
    return 2 * kHidden * (kHidden + 1) + (second_head ? 2 : 1) * kLogits * (kHidden + 1);
  }

  // [N,P] on the device of the image.
  at::Tensor prompts_of(const NetworkInput& input) const {
    const at::Tensor& image = input.image;
    if (input.extras.empty())
      return at::full({image.size(0), 1}, tasks_, image.options().dtype(at::kLong));
    return input["prompt"].to(image.device());
  }

  // θ [N,P,180] in the parameters' dtype.
  at::Tensor numbers_of(const at::Tensor& x5, const at::Tensor& prompt, const Pass& pass) const {
    const at::Tensor weight = controller_.weight().flatten(1);  // [180, deepest + T + 1]
    const at::Tensor pooled =
        gap_(x5, pass, /*slope=*/0).flatten(2).mean(2).to(weight.scalar_type());
    const at::Tensor kinds = at::arange(tasks_ + 1, prompt.options());
    const at::Tensor one_hot = (prompt.unsqueeze(2) == kinds).to(weight.scalar_type());
    return at::linear(pooled, weight.slice(1, 0, deepest_), controller_.bias()).unsqueeze(1) +
           at::matmul(one_hot, weight.slice(1, deepest_).t());
  }

  // h [N,8,S], θ [N,P,180] → [N,P,2,S].
  at::Tensor heads(const at::Tensor& h, const at::Tensor& theta) const {
    const int64_t n = theta.size(0), p = theta.size(1);
    int64_t next = 0;
    const auto take = [&](int64_t rows, int64_t columns) {
      const at::Tensor part = theta.slice(2, next, next + rows * columns).to(h.scalar_type());
      next += rows * columns;
      return part.reshape({n * p, rows, columns});
    };
    const at::Tensor w0 = take(kHidden, kHidden), w1 = take(kHidden, kHidden),
                     w2 = take(kLogits, kHidden);
    if (second_head_) take(kLogits, kHidden);
    const at::Tensor b0 = take(kHidden, 1), b1 = take(kHidden, 1), b2 = take(kLogits, 1);
    // All prompts of an image read the same h: one product for each image.
    at::Tensor a = at::baddbmm(b0.reshape({n, p * kHidden, 1}),
                               w0.reshape({n, p * kHidden, kHidden}), h.contiguous().flatten(2));
    a = at::relu(a).view({n * p, kHidden, c10::multiply_integers(h.sizes().slice(2))});
    a = at::baddbmm(b2, w2, at::relu(at::baddbmm(b1, w1, a)));
    std::vector<int64_t> shape = {n, p, kLogits};
    for (const int64_t side : h.sizes().slice(2)) shape.push_back(side);
    return a.view(shape);
  }

  size_t axes_;
  int64_t tasks_, deepest_;
  std::vector<VNetLevel> levels_;
  BatchNorm gap_;
  Conv controller_;
  BatchNorm precls_norm_;
  Conv precls_;
  Dropout dropout_;
  bool second_head_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "versemi_vnet",
     .summary = "V-Net of VerSemi with a head for each task prompt, 9.5 million parameters",
     .paper = "Zeng et al., IEEE TMI 2025",
     .small = "filters = 2",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_level_sides(shape.patch_size, "versemi_vnet");
       const Options options = Options::read(section);
       const LevelWidth width{.channels = shape.channels,
                              .filters = options.filters,
                              .norm = {.kind = "instance"},
                              .axes = shape.patch_size.empty() ? 3 : std::ssize(shape.patch_size)};
       return std::make_unique<VersemiVNet>(options, width, shape, draws, net);
     }});

}  // namespace
}  // namespace semiseg::versemi_vnet
