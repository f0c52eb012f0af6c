// SPDX-License-Identifier: Apache-2.0
// Times the way from compressed slices on disk to one augmented batch of 24 at 256²: 200 slices in
// the layout of ACDC, 68 of them labelled, of the sizes and smoothness of the released ones.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/data/label_budget.h"
#include "framework/data/loader.h"
#include "framework/files/hdf5_file.h"
#include "launch/benchmark/benchmark.h"
#include "launch/benchmark/scratch_folder.h"

namespace semiseg {
namespace {

constexpr int64_t kSlices = 200, kBatch = 24, kSide = 256, kBatches = 10;
constexpr int64_t kWarmBatches = 20;

std::string stem(int64_t patient) { return fmt::format("patient{:03}_frame01", patient); }

// One slice, or a volume of one slice.
void write_scan(const std::filesystem::path& path, int64_t index, bool is_volume) {
  const int64_t height = 218 + index % 25, width = 190 + index * 7 % 21;
  const Draws draws = Draws(7).at(0, index);
  const auto axis = [](int64_t n) { return (at::arange(n) - n / 2.0) / static_cast<double>(n); };
  const at::Tensor radius =
      (axis(height).square().unsqueeze(1) + axis(width).square().unsqueeze(0)).sqrt();
  const at::Tensor label = at::lt(radius, 0.2).to(at::kByte) + at::lt(radius, 0.13).to(at::kByte) +
                           at::lt(radius, 0.08).to(at::kByte);
  const at::Tensor coarse = draws.uniform("smooth", {1, 1, height / 8 + 1, width / 8 + 1});
  const at::Tensor smooth = at::upsample_bilinear2d(coarse, at::IntArrayRef{height, width}, false)
                                .reshape({height, width});
  const at::Tensor image =
      0.6 * smooth + 0.1 * label + 0.1 * draws.uniform("noise", {height, width});
  std::vector<int64_t> size = {height, width};
  if (is_volume) size.insert(size.begin(), 1);
  Hdf5File file = Hdf5File::create(path);
  file.write("image", image.reshape(size), {.chunk = size, .gzip = 4});
  file.write("label", label.reshape(size), {.chunk = size, .gzip = 4});
  file.close();
}

void write_tree(const ScratchFolder& root) {
  std::filesystem::create_directories(root / "data/slices");
  std::string slices, cases;
  for (int64_t i = 0; i < kSlices; ++i) {
    const std::string name = fmt::format("{}_slice_{}", stem(i / 2 + 1), i % 2 + 1);
    write_scan(root / ("data/slices/" + name + ".h5"), i, /*is_volume=*/false);
    slices += name + "\n";
    if (i % 2 == 1) continue;
    write_scan(root / ("data/" + stem(i / 2 + 1) + ".h5"), i, /*is_volume=*/true);
    cases += stem(i / 2 + 1) + "\n";
  }
  write_file(root / "train_slices.list", slices);
  write_file(root / "train.list", cases);
  // Every split has a volume; those two are not read.
  for (const int64_t patient : {kSlices / 2 + 1, kSlices / 2 + 2}) {
    const bool is_val = patient == kSlices / 2 + 1;
    write_scan(root / ("data/" + stem(patient) + ".h5"), patient, /*is_volume=*/true);
    write_file(root / (is_val ? "val.list" : "test.list"), stem(patient) + "\n");
  }
}

BenchmarkResult time_loader(int64_t threads, const BenchmarkSetup& setup) {
  const ScratchFolder root;
  write_tree(root);
  const Config config = parse_config("root = \"" + (root / "").string() + "\"\n");
  const auto source = DatasetRegistry::instance().find("acdc").make(config);
  const Pools pools = pools_of(resolve_budget(source->training_samples(2), source->cases(), "34"));
  const std::vector<StreamPlan> streams = {
      {.name = "labelled", .pool = "labelled", .samples = kBatch / 2},
      {.name = "unlabelled", .pool = "unlabelled", .samples = kBatch / 2}};
  const int64_t batches = setup.quick ? 3 : kBatches;
  Loader loader({.samples = std::make_shared<SampleCache>(*source, pools.samples, 1024),
                 .plan = BatchPlan(pools, streams, Draws(0), 0),
                 .slots = share(streams, {}, 0, 1),
                 .transform = {.patch_size = {kSide, kSide}},
                 .views = Views::defaults(),
                 .draws = Draws(0),
                 .stage = 0,
                 .first_step = 0,
                 .steps = kWarmBatches + batches * (setup.repeats + 1),
                 .dtype = at::kFloat},
                {.threads = threads, .prefetch = 4, .cache_mb = 1024});
  for (int64_t i = 0; i < kWarmBatches; ++i) loader.next();
  BenchmarkResult result =
      time_repeats(setup,
                   {{"dtype", "fp32 image, int64 label"},
                    {"workers", threads},
                    {"batch", kBatch},
                    {"batches_a_repeat", batches},
                    {"shapes", {{"slices", kSlices}, {"output", {kSide, kSide}}}}},
                   [&] {
                     for (int64_t i = 0; i < batches; ++i) loader.next();
                   });
  for (double& seconds : result.seconds) seconds /= static_cast<double>(batches);
  result.detail["samples_per_s"] = static_cast<double>(kBatch) / median(result.seconds);
  return result;
}

}  // namespace

std::vector<Benchmark> loader_benchmarks() {
  std::vector<Benchmark> all;
  for (const int64_t threads : {0, 2}) {
    all.push_back(
        {.name = "loader/acdc_like",
         .implementation = fmt::format("threads_{}", threads),
         .summary = "a batch of 24 at 256², decoded slices in memory",
         .run = [=](World&, const BenchmarkSetup& setup) { return time_loader(threads, setup); }});
  }
  return all;
}

}  // namespace semiseg
