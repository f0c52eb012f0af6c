// SPDX-License-Identifier: Apache-2.0
// One iteration of a method, from a batch in memory to updated networks.
#include <fmt/format.h>

#include "launch/benchmark/benchmark.h"
#include "launch/benchmark/stepped_method.h"

namespace semiseg {
namespace {

StepCase sizes_of(const std::string& backbone, const std::string& method, bool quick) {
  const int64_t batch = backbone == "unet" ? (quick ? 8 : 24) : 4;
  StepCase c{.backbone = backbone, .method = method, .patch_size = {}, .batch = batch};
  c.labelled = method == "supervised" ? batch : batch / 2;  // as the script of supervised has it
  if (backbone == "unet") {
    c.patch_size = quick ? std::vector<int64_t>{128, 128} : std::vector<int64_t>{256, 256};
  } else {
    c.patch_size = quick ? std::vector<int64_t>{64, 64, 48} : std::vector<int64_t>{112, 112, 80};
    c.classes = 2;
  }
  return c;
}

BenchmarkResult run(const StepCase& c, World& world, const BenchmarkSetup& setup) {
  SteppedMethod stepped(c, world.comm());
  return time_repeats(setup,
                      {{"dtype", c.precision},
                       {"shapes",
                        {{"image", stepped.batch().joined().sizes().vec()},
                         {"labelled", c.labelled},
                         {"classes", c.classes}}}},
                      [&] { stepped.step(); });
}

}  // namespace

std::vector<Benchmark> step_benchmarks() {
  std::vector<Benchmark> all;
  for (const std::string backbone : {"unet", "vnet"}) {
    for (const std::string& method : MethodRegistry::instance().names()) {
      const MethodNetworks& networks = MethodRegistry::instance().find(method).networks;
      const std::string& needed = networks.of(backbone == "vnet" ? 3 : 2);
      // A method whose network no other replaces is timed on volumes alone.
      if (needed == "none" || (networks.is_only && backbone != "vnet")) continue;
      const std::string network = needed == "any" ? backbone : needed;
      all.push_back({.name = fmt::format("step/{}/{}", network, method),
                     .implementation = "default",
                     .summary = "an iteration from a batch in memory to updated networks",
                     .run = [=](World& world, const BenchmarkSetup& setup) {
                       StepCase c = sizes_of(backbone, method, setup.quick);
                       c.backbone = network;
                       c.device = setup.device;
                       c.precision = setup.precision;
                       return run(c, world, setup);
                     }});
    }
  }
  return all;
}

}  // namespace semiseg
