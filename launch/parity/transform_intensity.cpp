// SPDX-License-Identifier: Apache-2.0
// Transforms of intensities: SSL4MIS, UA-MT, GenericSSL, nnU-Net, UniMatch.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/data/brats.h"
#include "framework/data/transforms/grey_view.h"
#include "framework/data/transforms/transforms.h"
#include "framework/nn/kernels/amplitude_mix.h"
#include "framework/scans/intensity.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

at::Tensor image_of(const ParityCase& c) {
  const at::Tensor image = c.tensor("in.image").to(at::kFloat);
  return c.has("in.foreground") ? image * c.tensor("in.foreground") : image;
}

void normalised(const ParityCase& c, const IntensityOptions& options, Comparison& comparison) {
  const at::Tensor image = image_of(c).contiguous().unsqueeze(0);
  comparison.compare("out.image", normalise(image, options)[0]);
  if (c.has("out.bounds"))
    comparison.compare("out.bounds", at::tensor(clip_bounds(image, options), at::kDouble));
}

std::vector<double> low_and_high(const ParityCase& c) {
  return {c.options.at("low").get<double>(), c.options.at("high").get<double>()};
}

void minmax(const ParityCase& c, Comparison& comparison) {
  normalised(c, {.scale = "minmax"}, comparison);
}

void zscore(const ParityCase& c, Comparison& comparison) {
  const bool masked = c.options.value("masked", false);
  normalised(c, {.scale = masked ? "zscore_nonzero" : "zscore"}, comparison);
}

void window(const ParityCase& c, Comparison& comparison) {
  normalised(c, {.clip = low_and_high(c), .scale = "minmax"}, comparison);
}

void percentiles(const ParityCase& c, Comparison& comparison) {
  normalised(c, {.clip_percentile = low_and_high(c), .scale = "minmax"}, comparison);
}

void mmwhs(const ParityCase& c, Comparison& comparison) {
  normalised(c, {.clip = {0, 1e30}, .clip_percentile = {0, 98}, .scale = "zscore"}, comparison);
}

void nnunet_ct(const ParityCase& c, Comparison& comparison) {
  const auto& of = c.options.at("intensity");
  normalised(c,
             {.clip = {of.at("percentile_00_5"), of.at("percentile_99_5")},
              .scale = "fixed",
              .mean = of.at("mean"),
              .std = of.at("std")},
             comparison);
}

void brats(const ParityCase& c, Comparison& comparison) {
  comparison.compare("out.image", prepare_brats(image_of(c)));
}

void random_noise_3d(const ParityCase& c, Comparison& comparison) {
  const double mean = c.options.value("mu", 0.0), sigma = c.options.at("sigma");
  at::Tensor out = c.tensor("in.image").to(at::kDouble).contiguous();
  const at::Tensor noise = c.tensor("draw.noise").contiguous();
  for (int64_t i = 0; i < out.numel(); ++i)
    out.data_ptr<double>()[i] += clipped_noise(noise.const_data_ptr<double>()[i], sigma) + mean;
  comparison.compare("out.image", out);
}

void unimatch_strong(const ParityCase& c, Comparison& comparison) {
  GreyViewParameters drawn;
  if (c.has("draw.order")) {
    const at::Tensor order = c.tensor("draw.order");
    for (int64_t i = 0; i < order.numel(); ++i) drawn.order.push_back(order[i].item<int64_t>());
    drawn.brightness = c.tensor("draw.brightness").item<double>();
    drawn.contrast = c.tensor("draw.contrast").item<double>();
  }
  if (c.has("draw.sigma")) drawn.sigma = c.tensor("draw.sigma").item<double>();
  const at::Tensor grey = to_grey(c.tensor("in.image"));
  const auto to_unit = [](const at::Tensor& image) {
    return (image.to(at::kFloat) / 255).unsqueeze(0);
  };
  comparison.compare("out.image_weak", to_unit(grey));
  comparison.compare("out.image_strong", to_unit(strong_grey_view(grey, drawn)));
}

// Images in [-1, 1] stand for 8-bit ones.
void mixed_amplitudes(const ParityCase& c, Comparison& comparison) {
  const auto in_bytes = [&](const char* name) {
    return (c.tensor(name).to(at::kDouble) + 1) * 127.5;
  };
  const at::Tensor ratio = c.options.at("degree").get<double>() * c.tensor("draw.amplitude_ratio");
  const at::Tensor mixed = amplitude_mix(in_bytes("in.image"), in_bytes("in.style"), ratio,
                                         c.options.at("window").get<double>());
  comparison.compare("out.image", mixed / 127.5 - 1);
}

}  // namespace

std::map<std::string, CaseRunner> intensity_transforms() {
  return {{"amplitude_mix", mixed_amplitudes},  {"nnunet_ct", nnunet_ct},
          {"nnunet_rescale", minmax},           {"nnunet_zscore", zscore},
          {"normalise_brats", brats},           {"normalise_minmax", minmax},
          {"normalise_mmwhs", mmwhs},           {"normalise_percentile", percentiles},
          {"normalise_window", window},         {"normalise_zscore", zscore},
          {"random_noise_3d", random_noise_3d}, {"unimatch_strong", unimatch_strong}};
}

}  // namespace semiseg
