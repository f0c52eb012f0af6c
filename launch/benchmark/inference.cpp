// SPDX-License-Identifier: Apache-2.0
// One test case, from array to label map, as predict and evaluate make it: windows and slices as
// the Python baselines cut them.
#include "framework/config/compose.h"
#include "framework/inference/segmenter.h"
#include "framework/methods/parts/networks/network_predictor.h"
#include "framework/nn/precision.h"
#include "framework/nn/wrapped_backbone.h"
#include "launch/benchmark/benchmark.h"

namespace semiseg {
namespace {

struct InferenceCase {
  std::string backbone;
  int64_t classes;
  std::vector<int64_t> volume, patch_size;
  std::string settings;  // section [inference], beside the defaults
};

InferenceCase la_sliding(bool quick) {
  return {.backbone = "vnet",
          .classes = 2,
          .volume = {180, 180, 88},
          .patch_size = {112, 112, 80},
          .settings = quick ? "decision = 'foreground'\nstride = [36, 36, 16]"
                            : "decision = 'foreground'\nstride = [18, 18, 4]"};
}

InferenceCase acdc_slices(bool) {
  return {.backbone = "unet",
          .classes = 4,
          .volume = {10, 256, 216},
          .patch_size = {256, 256},
          .settings = ""};
}

BenchmarkResult time_inference(const InferenceCase& c, const BenchmarkSetup& setup) {
  const Config config = parse_config("[inference]\n" + c.settings + "\n[backbone]\n");
  const NetworkShape shape{.channels = 1,
                           .classes = c.classes,
                           .patch_size = c.patch_size,
                           .dtype = at::kFloat,
                           .device = setup.device};
  auto network = with_precision(BackboneRegistry::instance()
                                    .find(c.backbone)
                                    .make(config.section("backbone"), shape, Draws(0), "network"),
                                setup.precision);
  if (setup.cuda_graphs) network = with_graphs(std::move(network), setup.device);
  const InferenceOptions options = InferenceOptions::read(config.section("inference"), c.patch_size,
                                                          /*axial_axis=*/0, c.classes);
  NetworkPredictor predictor(*network);
  int64_t windows = 0;  // or slices
  const ImagePredictor predict = [&](const at::Tensor& image) {
    windows += image.size(0);
    return predictor.predict(image.to(setup.device)).to(at::kCPU);
  };
  std::vector<int64_t> size = {1};
  size.insert(size.end(), c.volume.begin(), c.volume.end());
  const at::Tensor image = Draws(0).uniform("inference/" + c.backbone, size);
  BenchmarkResult result =
      time_repeats(setup,
                   {{"dtype", setup.precision},
                    {"cuda_graphs", setup.cuda_graphs && !setup.device.is_cpu()},
                    {"shapes", {{"volume", c.volume}, {"network", c.patch_size}}},
                    {"strides", options.sliding_window.stride}},
                   [&] {
                     windows = 0;
                     segment(image, predict, options);
                   });
  result.detail["windows"] = windows;
  return result;
}

Benchmark inference_of(const std::string& name, const std::string& summary,
                       InferenceCase (*make)(bool quick)) {
  return {.name = "inference/" + name,
          .implementation = "default",
          .summary = summary,
          .run = [make](World&, const BenchmarkSetup& setup) {
            return time_inference(make(setup.quick), setup);
          }};
}

}  // namespace

std::vector<Benchmark> inference_benchmarks() {
  return {inference_of("la_sliding", "a volume by overlapping windows of the V-Net", la_sliding),
          inference_of("acdc_slices", "a volume slice by slice by the U-Net", acdc_slices)};
}

}  // namespace semiseg
