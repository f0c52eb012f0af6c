// SPDX-License-Identifier: Apache-2.0
// TSA on every pixel: the loss with its gradients to logits and classifier, and class statistics of
// a batch merged into a memory.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>

#include "framework/core/random/draws.h"
#include "framework/methods/tsa/class_memory.h"
#include "framework/methods/tsa/offset_table.h"
#include "framework/nn/losses/offset_cross_entropy.h"
#include "launch/benchmark/benchmark.h"

namespace semiseg {
namespace {

constexpr int64_t kFeatures = 16;
constexpr double kStrength = 0.25;

struct Sizes {
  std::vector<int64_t> space;
  int64_t samples, classes;
};

Sizes sizes_of(const std::string& name, bool quick) {
  if (name == "acdc") return quick ? Sizes{{128, 128}, 8, 4} : Sizes{{256, 256}, 24, 4};
  return quick ? Sizes{{64, 64, 48}, 4, 2} : Sizes{{112, 112, 80}, 4, 2};
}

std::vector<int64_t> shape_of(const Sizes& sizes, int64_t channels) {
  std::vector<int64_t> shape = {sizes.samples, channels};
  shape.insert(shape.end(), sizes.space.begin(), sizes.space.end());
  return shape;
}

at::Tensor draw(const std::string& name, const std::vector<int64_t>& shape, double low,
                double high) {
  return Draws(0).uniform(name, shape) * (high - low) + low;
}

at::Tensor labels(const Sizes& sizes, at::Device device) {
  return draw("label", shape_of(sizes, 1), 0, static_cast<double>(sizes.classes))
      .floor()
      .to(device, at::kLong)
      .squeeze(1);
}

nlohmann::ordered_json detail_of(const Sizes& sizes, const at::Tensor& label) {
  return {
      {"dtype", "fp32"},
      {"shapes", {{"pixels", label.numel()}, {"classes", sizes.classes}, {"features", kFeatures}}}};
}

// `floor`: LibTorch's own cross entropy, without augmentation, on the same logits.
BenchmarkResult time_loss(const std::string& name, bool floor, World& world,
                          const BenchmarkSetup& setup) {
  const Sizes sizes = sizes_of(name, setup.quick);
  at::Tensor logits = draw("logits", shape_of(sizes, sizes.classes), -3, 3)
                          .to(setup.device)
                          .set_requires_grad(true);
  at::Tensor weight = draw("weight", {sizes.classes, kFeatures}, -0.4, 0.4)
                          .to(setup.device)
                          .set_requires_grad(true);
  const at::Tensor label = labels(sizes, setup.device);
  const at::Tensor factor =
      draw("factor", {sizes.classes, kFeatures, kFeatures}, -0.5, 0.5).to(setup.device);
  const at::Tensor count = at::full({sizes.classes}, 1000000, label.options());
  const at::Tensor shift =
      draw("shift", {sizes.classes, kFeatures}, -0.5, 0.5).to(setup.device, at::kDouble);
  const at::Tensor covariance = at::bmm(factor, factor.transpose(1, 2)).to(at::kDouble);
  const ClassStatistics from{count, at::zeros_like(shift), covariance};
  const ClassStatistics to{count, shift, covariance};
  nlohmann::ordered_json detail = detail_of(sizes, label);
  detail["floor"] = floor;
  return time_repeats(setup, std::move(detail), [&] {
    logits.mutable_grad().reset();
    weight.mutable_grad().reset();
    at::Tensor loss;
    if (floor) {
      loss = at::cross_entropy_loss(logits, label);
    } else {
      const at::Tensor table = offset_table(weight, from, to, kStrength, {}).table;
      loss = cross_entropy_with_offsets(logits, label, table, {}, world.comm());
    }
    loss.backward();
  });
}

BenchmarkResult time_update(const std::string& name, const BenchmarkSetup& setup) {
  const Sizes sizes = sizes_of(name, setup.quick);
  const at::Tensor features = draw("features", shape_of(sizes, kFeatures), 0, 1).to(setup.device);
  const at::Tensor label = labels(sizes, setup.device);
  ClassMemory memory(sizes.classes, kFeatures, MemoryOptions{}, setup.device);
  return time_repeats(setup, detail_of(sizes, label),
                      [&] { memory.update(memory.sums(features, label)); });
}

}  // namespace

std::vector<Benchmark> tsa_benchmarks() {
  std::vector<Benchmark> all;
  for (const std::string name : {"acdc", "la"}) {
    for (const bool floor : {false, true}) {
      all.push_back({.name = "tsa_loss/" + name,
                     .implementation = floor ? "plain_cross_entropy" : "table",
                     .summary = floor ? "LibTorch's cross entropy on the same logits: a floor"
                                      : "loss and its gradients on every pixel",
                     .run = [=](World& world, const BenchmarkSetup& setup) {
                       return time_loss(name, floor, world, setup);
                     }});
    }
    all.push_back(
        {.name = "tsa_update/" + name,
         .implementation = "one_pass_cpp",
         .summary = "class statistics of a batch merged into the memory",
         .run = [=](World&, const BenchmarkSetup& setup) { return time_update(name, setup); }});
  }
  return all;
}

}  // namespace semiseg
