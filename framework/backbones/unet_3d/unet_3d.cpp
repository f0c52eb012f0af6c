// SPDX-License-Identifier: Apache-2.0
// The 3-D U-Net of HiLab-git/SSL4MIS networks/unet_3D.py (unet_3d_parts.h), after Çiçek et al.,
// MICCAI 2016: dropout of elements behind the deepest unit and behind the last one, then a
// convolution 1³. 5,884,050 parameters with one channel and two classes.
#include "framework/backbones/unet_3d/unet_3d_parts.h"
#include "framework/config/option_list.h"

namespace semiseg::unet_3d {
namespace {

struct Options {
  int64_t filters = 16;
  double dropout = 0.3;

  static Options read(const Config& section) {
    Options o{.filters = read_unet_3d_filters(section)};
    section.read("dropout", o.dropout, {0, 0.99},
                 "Probability that an element behind the deepest and the last unit is dropped. "
                 "Raise it when the network overfits.");
    return o;
  }
};

class UNet3d : public ModuleBackbone {
 public:
  UNet3d(const Options& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        encoder_(root_, shape.channels, options.filters),
        decoder_(root_, options.filters),
        dropout1_(root_.child("dropout1"), options.dropout),
        dropout2_(root_.child("dropout2"), options.dropout),
        final_(root_.child("final"), pointwise_3d(options.filters, shape.classes)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    check_unet_3d_size(input.image.sizes().slice(2), "unet_3d");
    const std::vector<at::Tensor> levels = encoder_(input.image);
    const at::Tensor up = decoder_(dropout1_(levels.back(), pass), levels).back();
    const at::Tensor x = dropout2_(up, pass);
    return {final_(x), x, {}};
  }

  Classifier classifier() const override { return {final_.weight(), final_.bias()}; }

 private:
  UNet3dEncoder encoder_;
  UNet3dDecoder decoder_;
  Dropout dropout1_, dropout2_;
  Conv final_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "unet_3d",
     .summary = "U-Net 3-D of SSL4MIS, 5.9 million parameters",
     .paper = "Çiçek et al., MICCAI 2016",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_unet_3d_size(shape.patch_size, "unet_3d");
       return std::make_unique<UNet3d>(Options::read(options), shape,
                                       Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::unet_3d
