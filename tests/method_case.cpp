// SPDX-License-Identifier: Apache-2.0
#include "tests/method_case.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

namespace semiseg {

MethodSetup small_setup(const std::string& name, int64_t axes) {
  MethodSetup setup{
      .name = name,
      .backbone =
          "name = \"unet\"\nfilters = [4, 8, 8, 8, 8]\ndropout = [0.05, 0.1, 0.2, 0.3, 0.5]",
      .classes = 3,
      .batch = 8,
      .labelled = 4,
      .iterations = 40,
      .patch_size = {32, 32},
      .seed = 3};
  if (name == "dan") setup.options = fmt::format("discriminator_{}d = {{width = 8}}", axes);
  if (axes == 3) {
    setup.backbone = "name = \"vnet\"\nfilters = 2";
    setup.patch_size = {16, 16, 32};
    setup.iterations = 8;
  }
  return setup;
}

std::vector<MethodOnImages> methods_on_images() {
  std::vector<MethodOnImages> all;
  for (const auto& name : MethodRegistry::instance().names()) {
    for (const int64_t axes : {2, 3}) all.push_back({name, axes});
  }
  return all;
}

Batch random_batch(const MethodSetup& setup, int64_t labelled, int64_t unlabelled, int64_t step,
                   bool strong_view) {
  const Draws draws = Draws(setup.seed + 1000).at(0, step);
  Batch batch;
  batch.labelled = labelled;
  for (int64_t s = 0; s < labelled + unlabelled; ++s) batch.samples.push_back(s);
  std::vector<int64_t> coarse = {1}, fine = {1};
  for (const int64_t side : setup.patch_size) {
    coarse.push_back(side / 8);
    fine.push_back(side);
  }
  const at::Tensor rough = draws.uniform("blobs", coarse, batch.samples);
  const at::Tensor smooth = setup.patch_size.size() == 2
                                ? at::upsample_bilinear2d(rough, setup.patch_size, false)
                                : at::upsample_trilinear3d(rough, setup.patch_size, false);
  const at::Tensor noise = draws.normal("noise", fine, batch.samples);
  batch.image = (smooth + 0.05 * noise).clamp(0, 1).to(setup.dtype);
  if (strong_view) {
    const std::vector<int64_t> one(fine.size(), 1);
    const at::Tensor contrast = 0.4 + draws.uniform("contrast", one, batch.samples),
                     shift = 0.4 * draws.uniform("brightness", one, batch.samples) - 0.2;
    batch.image_strong = ((batch.image - 0.5) * contrast + 0.5 + shift).clamp(0, 1).to(setup.dtype);
  }
  const at::Tensor label =
      (smooth.squeeze(1) * static_cast<double>(setup.classes)).floor().clamp(0, setup.classes - 1);
  batch.label = label.to(at::kLong).slice(0, 0, labelled);
  return batch;
}

Batch random_batch(const MethodSetup& setup, const Stage& stage, int64_t step) {
  return random_batch(setup, stage.labelled, stage.unlabelled, step, stage.strong_view);
}

Batch share_of(const Batch& batch, const std::vector<int64_t>& slots) {
  const at::Tensor index = at::tensor(slots, at::kLong);
  Batch part;
  for (const int64_t slot : slots) part.labelled += slot < batch.labelled;
  part.image = batch.image.index_select(0, index);
  if (batch.image_strong.defined()) part.image_strong = batch.image_strong.index_select(0, index);
  part.label = batch.label.index_select(0, index.slice(0, 0, part.labelled));
  for (const int64_t slot : slots) part.samples.push_back(batch.samples[static_cast<size_t>(slot)]);
  return part;
}

}  // namespace semiseg
