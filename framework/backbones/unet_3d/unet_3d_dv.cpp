// SPDX-License-Identifier: Apache-2.0
// The 3-D U-Net (unet_3d_parts.h) with a head at each scale of the decoder, HiLab-git/SSL4MIS
// networks/unet_3D_dv_semi.py, for URPC (Luo et al., MICCAI 2021) in volumes.
//
//   head     input                                   dropout of channels before it
//   logits   up_concat1, conv 1³                     0.1
//   aux1     up_concat2, conv 1³, trilinear ×2       0.2
//   aux2     up_concat3, conv 1³, trilinear ×4       0.3
//   aux3     up_concat4, conv 1³, trilinear ×8       0.5
//
// 5,884,504 parameters with one channel and two classes.
#include "framework/backbones/unet_3d/unet_3d_parts.h"
#include "framework/config/option_list.h"

namespace semiseg::unet_3d_dv {
namespace {

struct Options {
  int64_t filters = 16;
  std::vector<double> dropout = {0.1, 0.2, 0.3, 0.5};

  static Options read(const Config& section) {
    Options o{.filters = read_unet_3d_filters(section)};
    section.read(
        "dropout", o.dropout, {0, 0.99},
        "Probabilities that a channel of the four decoder levels is dropped, finest first. "
        "They make the heads differ: raise them when the heads agree at once.");
    if (o.dropout.size() != 4)
      section.fail("dropout", "the decoder has four levels", "four numbers");
    return o;
  }
};

class UNet3dDv : public ModuleBackbone {
 public:
  UNet3dDv(const Options& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        encoder_(root_, shape.channels, options.filters),
        decoder_(root_, options.filters) {
    for (int64_t level = 4; level >= 1; --level) {
      const std::string number = std::to_string(level);
      dropouts_.emplace_back(root_.child("dropout" + number),
                             options.dropout[static_cast<size_t>(level - 1)],
                             DropoutKind::kChannel);
      heads_.emplace_back(root_.child(level == 1 ? "dsv1" : "dsv" + number + ".dsv.0"),
                          pointwise_3d(options.filters << (level - 1), shape.classes));
    }
  }

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::IntArrayRef size = input.image.sizes().slice(2);
    check_unet_3d_size(size, "unet_3d_dv");
    const std::vector<at::Tensor> levels = encoder_(input.image);
    const std::vector<at::Tensor> ups = decoder_(levels.back(), levels);
    const at::Tensor x = dropouts_[3](ups[3], pass);
    NetworkOutput out{heads_[3](x), x, {}};
    for (size_t head = 1; head < heads_.size(); ++head) {
      const std::string name = "aux" + std::to_string(head);
      const size_t place = 3 - head;
      if (!pass.wants(name)) continue;
      const at::Tensor logits = heads_[place](dropouts_[place](ups[place], pass));
      out.others.push_back({name, resized_3d(logits, size)});
    }
    return out;
  }

  Classifier classifier() const override { return {heads_[3].weight(), heads_[3].bias()}; }

 private:
  UNet3dEncoder encoder_;
  UNet3dDecoder decoder_;
  std::vector<Dropout> dropouts_;  // coarsest first
  std::vector<Conv> heads_;        // coarsest first
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "unet_3d_dv",
     .summary = "U-Net 3-D with a head at each scale, for urpc in volumes",
     .paper = "Luo et al., MICCAI 2021",
     .small = "filters = 2",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& options, const NetworkShape& shape, const Draws& draws,
                const std::string& net) {
       if (!shape.patch_size.empty()) check_unet_3d_size(shape.patch_size, "unet_3d_dv");
       return std::make_unique<UNet3dDv>(Options::read(options), shape,
                                         Module(draws, net, shape.options()));
     }});

}  // namespace
}  // namespace semiseg::unet_3d_dv
