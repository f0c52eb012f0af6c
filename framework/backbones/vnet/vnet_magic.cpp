// SPDX-License-Identifier: Apache-2.0
// The V-Net (vnet_parts.h) with a head that tells where in the volume a cube was: Chen et al., CVPR
// 2023, as DeepMed-Lab-ECNU/MagicNet networks/magicnet.py VNet_Magic has it. Instance norm, no
// dropout.
//
//   location   bottleneck of a cube of `cube` voxels a side, flattened → linear to twice its size →
//              BN → LeakyReLU 0.2 → linear to the number of cubes in the patch
//
// Images of cube size have the head "location" [N, cubes]; others lack it. The features are the
// embedding that out_conv maps to logits. 17,954,985 parameters with 14 classes, a patch of 96³ and
// cubes of 32³.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>

#include "framework/backbones/parts/row_mlp.h"
#include "framework/backbones/vnet/vnet_parts.h"
#include "framework/core/error.h"

namespace semiseg::vnet_magic {
namespace {

constexpr int64_t kReduction = 16;  // of the bottleneck

struct Options {
  VNetOptions parts;
  int64_t cube = 32;

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o{.parts =
                  VNetOptions::read(section, shape, {.norm = {.kind = "instance"}, .dropout = 0})};
    section.read("cube", o.cube, {16, 512},
                 "Side of the cubes whose place the location head tells, in voxels; it divides the "
                 "sides of the patch. Set it to method.cube_size.");
    return o;
  }
};

RowMlpSize location_size(const Options& options, const std::vector<int64_t>& patch) {
  int64_t cubes = 1;
  for (const int64_t side : patch) {
    if (side % options.cube != 0 || options.cube % kReduction != 0) {
      throw Error(ErrorKind::kConfig,
                  {.what = "the cubes do not fill the patch",
                   .where = "backbone.cube",
                   .expected = "a multiple of 16 that divides the sides of protocol.patch_size",
                   .got = fmt::format("{} in sides of {}", options.cube, side)});
    }
    cubes *= side / options.cube;
  }
  const int64_t side = options.cube / kReduction,
                inputs = kReduction * options.parts.filters * side * side * side;
  return {.in = inputs, .hidden = 2 * inputs, .out = cubes};
}

class VNetMagic : public ModuleBackbone {
 public:
  VNetMagic(const Options& options, const NetworkShape& shape, const Module& root)
      : ModuleBackbone(root),
        cube_(options.cube),
        encoder_(root_.child("encoder"), options.parts, shape.channels),
        decoder_(root_.child("decoder"), options.parts, VNetLift::kTransposed),
        out_conv_(root_.child("decoder.out_conv"),
                  {.in = options.parts.filters, .out = shape.classes, .kernel = {1, 1, 1}}),
        location_(root_.child("fc_layer.fc_layer"), location_size(options, shape.patch_size),
                  /*slope=*/0.2) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::IntArrayRef size = input.image.sizes().slice(2);
    check_vnet_size(size, "vnet_magic");
    const std::vector<at::Tensor> levels = encoder_(input.image, pass);
    const at::Tensor x = decoder_(levels, pass);
    NetworkOutput out{out_conv_(x), x, {}};
    const bool is_cube =
        std::all_of(size.begin(), size.end(), [this](int64_t side) { return side == cube_; });
    if (is_cube && pass.wants("location"))
      out.others.push_back({"location", location_(levels.back().flatten(1), pass)});
    return out;
  }

  Classifier classifier() const override { return {out_conv_.weight(), out_conv_.bias()}; }

 private:
  int64_t cube_;
  VNetEncoder encoder_;
  VNetDecoder decoder_;
  Conv out_conv_;
  RowMlp location_;
};

const bool registered = BackboneRegistry::instance().add(
    {.name = "vnet_magic",
     .summary = "V-Net 3-D with a head that locates cubes, for magicnet",
     .paper = "Chen et al., CVPR 2023",
     .small = "filters = 2\ncube = 16\nnorm = \"group\"\nnorm_groups = 2",
     .read_options = [](const Config& section,
                        const NetworkShape& shape) { Options::read(section, shape); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           if (!shape.patch_size.empty()) check_vnet_size(shape.patch_size, "vnet_magic");
           return std::make_unique<VNetMagic>(Options::read(section, shape), shape,
                                              Module(draws, net, shape.options()));
         }});

}  // namespace
}  // namespace semiseg::vnet_magic
