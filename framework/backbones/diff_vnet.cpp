// SPDX-License-Identifier: Apache-2.0
// The network of Aggregating & Decoupling (Wang & Li, NeurIPS 2023), as xmed-lab/GenericSSL has it:
// one encoder that three decoders share, and that also denoises label maps.
//
//   S(i→o)     conv 3³ → ReLU → norm → dropout of channels [→ + T, but in a block's last stage]
//   down, up   conv 2³, stride 2 (transposed) → ReLU → norm [→ + T]
//   T          + Linear(SiLU(temb)) for each channel (parts/time_embedding.h)
//
//   part                 layers (F = filters)                                takes
//   embedding            S(1→F)                                              image
//   embedding_diffusion  S(1+K→F)                                            image, noisy label, t
//   encoder              ↓2F, 2 S, ↓4F, 3 S, ↓8F, 3 S, ↓16F, 3 S, dropout    t with the second
//   decoder ξ, ψ, θ      ↑8F, 3 S, ↑4F, 3 S, ↑2F, 2 S, ↑F, S, dropout, conv  skips are added
//
// The rectifier stands before the norm. Heads: θ, the logits, which is deployed; "psi", another
// decoder on the image; "xi", which needs the extras noisy_label [N,K,S] and time [N] int64. A pass
// computes θ, unless it names the others alone. Every time-aware stage has a T, also where none is
// added, and the embedding of images has an unused temb, as in the reference. 57,891,910 parameters
// with one channel and two classes, of which θ's path has 37,777,730. In 2-D every kernel has two
// axes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <optional>

#include "framework/backbones/parts/time_embedding.h"
#include "framework/backbones/vnet/vnet_levels.h"
#include "framework/config/option_list.h"

namespace semiseg::diff_vnet {
namespace {

struct Options {
  int64_t filters = 32;
  double dropout = 0.5, stage_dropout = 0.1;

  static Options read(const Config& section) {
    Options o;
    section.read("filters", o.filters, {1, 4096},
                 "Number of channels at full resolution; doubled in each of the next four levels. "
                 "Halve it for a quarter of the work.");
    section.read("dropout", o.dropout, {0, 0.99},
                 "Probability that a channel of the deepest and of the last block is dropped. "
                 "Raise it when the network overfits.");
    section.read("stage_dropout", o.stage_dropout, {0, 0.99},
                 "Probability that a channel is dropped after each convolution. Lower it for "
                 "narrow networks.");
    return o;
  }
};

// Options that all parts of one network share.
struct Make {
  Options options;
  int64_t axes;

  std::vector<int64_t> kernel(int64_t side) const {
    return std::vector<int64_t>(static_cast<size_t>(axes), side);
  }
  Dropout drop(const Module& module, double p) const {
    return {module.child("dropout"), p, DropoutKind::kChannel};
  }
};

// S, or down or up: a convolution, ReLU, norm and what follows.
class DiffStage {
 public:
  // conv, norm and fusion are children of these names.
  DiffStage(const Module& conv, const Module& norm, const Module& fusion, const ConvOptions& shape,
            bool time_aware, std::optional<Dropout> dropout)
      : conv_(conv, shape), norm_(norm, shape.out), dropout_(std::move(dropout)) {
    if (time_aware) time_.emplace(fusion, shape.out);
  }

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& temb, const Pass& pass) const {
    at::Tensor h = conv_(x);
    h = norm_(at::relu_(h), pass, /*slope=*/1, dropout_ ? &*dropout_ : nullptr);
    return time_ ? (*time_)(h, temb) : h;
  }

 private:
  Conv conv_;
  BatchNorm norm_;
  std::optional<TimeFusion> time_;
  std::optional<Dropout> dropout_;
};

DiffStage make_resize(const Make& make, const Module& module, int64_t in, int64_t out, bool is_up,
                      bool time_aware) {
  const Module ops = module.child("ops");
  return {ops.child("0"),
          ops.child("2"),
          ops.child("3"),
          {.in = in, .out = out, .kernel = make.kernel(2), .stride = 2, .transposed = is_up},
          time_aware,
          std::nullopt};
}

// n stages of one width. The last one adds no T.
class DiffBlock {
 public:
  DiffBlock(const Make& make, const Module& module, int64_t count, int64_t in, int64_t out,
            bool time_aware) {
    for (int64_t i = 0; i < count; ++i) {
      const Module stage = module.child("ops").child(std::to_string(i));
      stages_.emplace_back(
          stage.child("conv"), stage.child("norm"), stage.child("temb_fusion"),
          ConvOptions{.in = i == 0 ? in : out, .out = out, .kernel = make.kernel(3), .padding = 1},
          time_aware, make.drop(stage, make.options.stage_dropout));
    }
  }

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& temb, const Pass& pass) const {
    at::Tensor h = x;
    for (size_t i = 0; i < stages_.size(); ++i)
      h = stages_[i](h, i + 1 < stages_.size() ? temb : at::Tensor(), pass);
    return h;
  }

 private:
  std::vector<DiffStage> stages_;
};

const char* const kNames[] = {"one", "two",   "three", "four", "five",
                              "six", "seven", "eight", "nine"};
constexpr int64_t kCounts[] = {1, 2, 3, 3, 3, 3, 3, 2, 1};

std::string block(size_t level) { return std::string("block_") + kNames[level]; }

// An embedding: temb and one stage.
class Embedding {
 public:
  Embedding(const Make& make, const Module& module, int64_t in)
      : temb_(module.child("temb")),
        stage_(make, module.child("emb"), 1, in, make.options.filters, /*time_aware=*/true) {}
  at::Tensor time(const at::Tensor& time, const at::TensorOptions& options) const {
    return temb_(time, options);
  }
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const { return stage_(x, {}, pass); }

 private:
  TimeEmbedding temb_;
  DiffBlock stage_;
};

class Encoder {
 public:
  Encoder(const Make& make, const Module& module)
      : dropout_(make.drop(module.child("block_five"), make.options.dropout)) {
    const int64_t f = make.options.filters;
    for (size_t i = 0; i < kVNetDeepest; ++i) {
      const int64_t in = vnet_channels(i, f), out = vnet_channels(i + 1, f);
      down_.push_back(make_resize(make, module.child(block(i) + "_dw"), in, out, false, true));
      blocks_.emplace_back(make, module.child(block(i + 1)), kCounts[i + 1], out, out, true);
    }
  }

  // x1 → {x1, …, x5}.
  std::vector<at::Tensor> operator()(const at::Tensor& x1, const at::Tensor& temb,
                                     const Pass& pass) const {
    std::vector<at::Tensor> maps = {x1};
    for (size_t i = 0; i < blocks_.size(); ++i)
      maps.push_back(blocks_[i](down_[i](maps.back(), temb, pass), temb, pass));
    maps.back() = dropout_(maps.back(), pass);
    return maps;
  }

 private:
  Dropout dropout_;
  std::vector<DiffStage> down_;
  std::vector<DiffBlock> blocks_;
};

class Decoder {
 public:
  Decoder(const Make& make, const Module& module, int64_t classes, bool time_aware)
      : dropout_(make.drop(module.child("block_nine"), make.options.dropout)) {
    const int64_t f = make.options.filters;
    for (size_t i = kVNetDeepest; i < kVNetLast; ++i) {
      const int64_t in = vnet_channels(i, f), out = vnet_channels(i + 1, f);
      up_.push_back(make_resize(make, module.child(block(i) + "_up"), in, out, true, time_aware));
      blocks_.emplace_back(make, module.child(block(i + 1)), kCounts[i + 1], out, out, time_aware);
    }
    out_.emplace(module.child("out_conv"),
                 ConvOptions{.in = f, .out = classes, .kernel = make.kernel(1)});
  }

  at::Tensor features(std::vector<at::Tensor> maps, const at::Tensor& temb,
                      const Pass& pass) const {
    at::Tensor x = maps.back();
    for (size_t i = 0; i < blocks_.size(); ++i) {
      maps.pop_back();
      x = blocks_[i](up_[i](x, temb, pass) + maps.back(), temb, pass);
    }
    return dropout_(x, pass);
  }
  const Conv& out() const { return *out_; }

 private:
  Dropout dropout_;
  std::vector<DiffStage> up_;
  std::vector<DiffBlock> blocks_;
  std::optional<Conv> out_;
};

class DiffVNet : public ModuleBackbone {
 public:
  DiffVNet(const Make& make, const NetworkShape& shape, const Draws& draws, const std::string& net)
      : ModuleBackbone(Module(draws, net, shape.options())),
        axes_(static_cast<size_t>(make.axes)),
        embedding_(make, root_.child("embedding"), shape.channels),
        theta_(make, root_.child("decoder_theta"), shape.classes, /*time_aware=*/false),
        psi_(make, root_.child("decoder_psi"), shape.classes, /*time_aware=*/false),
        embedding_diffusion_(make, root_.child("denoise_model.embedding_diffusion"),
                             shape.channels + shape.classes),
        encoder_(make, root_.child("denoise_model.encoder")),
        xi_(make, root_.child("denoise_model.decoder"), shape.classes, /*time_aware=*/true) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_level_sides(input.image.sizes().slice(2), "diff_vnet", axes_);
    const auto names = [&](const char* head) {
      return std::find(pass.heads.begin(), pass.heads.end(), head) != pass.heads.end();
    };
    const auto others = static_cast<size_t>(names("xi") + names("psi"));
    const bool wants_theta = pass.heads.empty() || pass.heads.size() > others;
    NetworkOutput out;
    if (names("xi")) out.others.push_back({"xi", denoise(input, pass)});
    if (!names("psi") && !wants_theta) return out;
    const std::vector<at::Tensor> maps = encoder_(embedding_(input.image, pass), {}, pass);
    if (names("psi")) out.others.push_back({"psi", psi_.out()(psi_.features(maps, {}, pass))});
    if (!wants_theta) return out;
    out.features = theta_.features(maps, {}, pass);
    out.logits = theta_.out()(out.features);
    return out;
  }

  Classifier classifier() const override { return {theta_.out().weight(), theta_.out().bias()}; }
  Classifier head(std::string_view name) const override {
    if (name == "psi") return {psi_.out().weight(), psi_.out().bias()};
    if (name == "xi") return {xi_.out().weight(), xi_.out().bias()};
    return Backbone::head(name);
  }

 private:
  at::Tensor denoise(const NetworkInput& input, const Pass& pass) const {
    const at::Tensor x = at::cat({input.image, input["noisy_label"].to(input.image)}, 1);
    const at::Tensor temb =
        embedding_diffusion_.time(input["time"], root_.parameters().front().value.options());
    return xi_.out()(xi_.features(encoder_(embedding_diffusion_(x, pass), temb, pass), temb, pass));
  }

  size_t axes_;
  // In the reference's order of parameters.
  Embedding embedding_;
  Decoder theta_, psi_;
  Embedding embedding_diffusion_;
  Encoder encoder_;
  Decoder xi_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "diff_vnet",
     .summary = "V-Net of Aggregating & Decoupling: one encoder, three decoders, 57.9 million "
                "parameters",
     .paper = "Wang & Li, NeurIPS 2023",
     .small = "filters = 2",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_level_sides(shape.patch_size, "diff_vnet");
       const Make make{Options::read(options),
                       shape.patch_size.empty() ? 3 : std::ssize(shape.patch_size)};
       return std::make_unique<DiffVNet>(make, shape, draws, net);
     }});

}  // namespace
}  // namespace semiseg::diff_vnet
