// SPDX-License-Identifier: Apache-2.0
// The 3-D U-Net (unet_3d_parts.h) with gated skips: Oktay et al., MIDL 2018, as HiLab-git/SSL4MIS
// networks/attention_unet.py has it. g is the map one level below, at the deepest a gating signal
// (conv 1³ → instance norm → ReLU of the centre).
//
//   gate      x · resize(σ(ψ ReLU(θ x + resize(φ g)))),  θ conv 2³ stride 2 without bias, φ and ψ
//             conv 1³;  then W = conv 1³ → BN
//   skip      two gates side by side → conv 1³ to the skip's channels → BN → ReLU
//   heads     conv 1³ of each decoder level, resized to the image; final = conv 1³ of all four
//
// All sizes change trilinearly without aligned corners. The features are the four heads' logits,
// what `final` sees. 6,469,328 parameters with one channel and two classes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/backbones/unet_3d/unet_3d_parts.h"
#include "framework/config/option_list.h"

namespace semiseg::attention_unet_3d {
namespace {

struct Options {
  int64_t filters = 16;
  static Options read(const Config& section) { return {.filters = read_unet_3d_filters(section)}; }
};

class Gate {
 public:
  Gate(const Module& module, int64_t width, int64_t gate)
      : out_(module.child("W.0"), pointwise_3d(width, width)),
        norm_(module.child("W.1"), width),
        theta_(module.child("theta"), {.in = width,
                                       .out = width,
                                       .kernel = {2, 2, 2},
                                       .stride = 2,
                                       .bias = false,
                                       .he_slope = 0.0}),
        phi_(module.child("phi"), pointwise_3d(gate, width)),
        psi_(module.child("psi"), pointwise_3d(width, 1)) {}

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& g, const Pass& pass) const {
    const at::Tensor theta = theta_(x);
    const at::Tensor phi = resized_3d(phi_(g), theta.sizes().slice(2));
    const at::Tensor open = at::sigmoid(psi_(at::relu(theta + phi)));
    return norm_.after(out_, x * resized_3d(open, x.sizes().slice(2)), pass);
  }

 private:
  Conv out_;
  BatchNorm norm_;
  Conv theta_, phi_, psi_;
};

class GatedSkip {
 public:
  GatedSkip(const Module& module, int64_t width, int64_t gate)
      : first_(module.child("gate_block_1"), width, gate),
        second_(module.child("gate_block_2"), width, gate),
        combine_(module.child("combine_gates.0"), pointwise_3d(2 * width, width)),
        norm_(module.child("combine_gates.1"), width) {}

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& g, const Pass& pass) const {
    const at::Tensor both = at::cat({first_(x, g, pass), second_(x, g, pass)}, 1);
    return norm_.after(combine_, both, pass, /*slope=*/0);
  }

 private:
  Gate first_, second_;
  Conv combine_;
  BatchNorm norm_;
};

class Up {
 public:
  Up(const Module& module, int64_t in, int64_t out) : unit_(module.child("conv"), in + out, out) {}
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& skip) const {
    return unit_(at::cat({skip, resized_3d(x, skip.sizes().slice(2))}, 1));
  }

 private:
  UNet3dUnit unit_;
};

class AttentionUNet3d : public ModuleBackbone {
 public:
  AttentionUNet3d(int64_t f, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        encoder_(root_, shape.channels, f),
        gating_(root_.child("gating.conv1.0"), pointwise_3d(16 * f, 16 * f)),
        gating_norm_(root_.child("gating.conv1.1"), 16 * f, 16 * f, /*affine=*/false),
        skip2_(root_.child("attentionblock2"), 2 * f, 4 * f),
        skip3_(root_.child("attentionblock3"), 4 * f, 8 * f),
        skip4_(root_.child("attentionblock4"), 8 * f, 16 * f),
        up4_(root_.child("up_concat4"), 16 * f, 8 * f),
        up3_(root_.child("up_concat3"), 8 * f, 4 * f),
        up2_(root_.child("up_concat2"), 4 * f, 2 * f),
        up1_(root_.child("up_concat1"), 2 * f, f),
        head4_(root_.child("dsv4.dsv.0"), pointwise_3d(8 * f, shape.classes)),
        head3_(root_.child("dsv3.dsv.0"), pointwise_3d(4 * f, shape.classes)),
        head2_(root_.child("dsv2.dsv.0"), pointwise_3d(2 * f, shape.classes)),
        head1_(root_.child("dsv1"), pointwise_3d(f, shape.classes)),
        final_(root_.child("final"), pointwise_3d(4 * shape.classes, shape.classes)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::IntArrayRef size = input.image.sizes().slice(2);
    check_unet_3d_size(size, "attention_unet_3d");
    const std::vector<at::Tensor> levels = encoder_(input.image);
    const at::Tensor gating = at::relu(gating_norm_(gating_(levels[4])));
    const at::Tensor up4 = up4_(levels[4], skip4_(levels[3], gating, pass)),
                     up3 = up3_(up4, skip3_(levels[2], up4, pass)),
                     up2 = up2_(up3, skip2_(levels[1], up3, pass)), up1 = up1_(up2, levels[0]);
    const at::Tensor x = at::cat({head1_(up1), resized_3d(head2_(up2), size),
                                  resized_3d(head3_(up3), size), resized_3d(head4_(up4), size)},
                                 1);
    return {final_(x), x, {}};
  }

  Classifier classifier() const override { return {final_.weight(), final_.bias()}; }

 private:
  UNet3dEncoder encoder_;
  Conv gating_;
  GroupNorm gating_norm_;
  GatedSkip skip2_, skip3_, skip4_;
  Up up4_, up3_, up2_, up1_;
  Conv head4_, head3_, head2_, head1_, final_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "attention_unet_3d",
     .summary = "U-Net 3-D with gated skips, 6.5 million parameters",
     .paper = "Oktay et al., MIDL 2018",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_unet_3d_size(shape.patch_size, "attention_unet_3d");
       return std::make_unique<AttentionUNet3d>(Options::read(options).filters, shape,
                                                Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::attention_unet_3d
