// SPDX-License-Identifier: Apache-2.0
#include "cluster/check/memory_estimate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "cluster/check/peak_bytes.h"
#include "cluster/trial_steps.h"
#include "framework/run/run.h"

namespace semiseg::cluster {
namespace {

constexpr double kMebibyte = 1 << 20;
constexpr double kMargin = 1.2;
constexpr int64_t kSliceSide = 64, kVolumeSide = 32;

// Returns the resident bytes of this process.
double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  file >> all >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double voxels(const std::vector<int64_t>& patch) {
  return std::accumulate(patch.begin(), patch.end(), 1.0,
                         [](double all, int64_t side) { return all * static_cast<double>(side); });
}

// The sides 64 and 32 are multiples of what the networks take.
std::vector<int64_t> small_patch(const std::vector<int64_t>& patch) {
  const int64_t most = patch.size() == 2 ? kSliceSide : kVolumeSide;
  std::vector<int64_t> small;
  for (const int64_t side : patch) small.push_back(side > most ? most : side);
  return small;
}

// The peak of one stage: two steps, because moments appear in the first.
struct StageBytes {
  double state = 0, activations = 0, batch = 0;
};

StageBytes measure_stage(const Run& run, const RunBatches& batches, int64_t stage,
                         PeakBytes& bytes) {
  const auto live = [&bytes] { return static_cast<double>(bytes.live()); };
  TrialSteps trial(run, batches, stage);
  trial.next_batch();
  const double before = live();
  const Batch batch = trial.next_batch();
  StageBytes result{.batch = live() - before};
  const double with_batch = live();
  trial.begin();
  for (int64_t iteration = 0; iteration < 2; ++iteration) {
    trial.drop_records();
    bytes.reset_peak();
    const double resting = live();
    trial.step(batch, iteration);
    result.activations = static_cast<double>(bytes.peak()) - resting;
  }
  trial.drop_records();
  result.state = std::max(0.0, live() - with_batch);
  return result;
}

double inference_bytes(const RunData& data) {
  int64_t largest = 0;
  for (const CaseInfo& one : data.source->cases()) largest = std::max(largest, one.cost);
  const auto maps =
      static_cast<double>(data.facts.info.channels + 2 * std::ssize(data.facts.info.classes));
  return static_cast<double>(largest) * maps * sizeof(float);
}

// Decoded samples in memory: all of them, or as many as the cache takes.
double cache_bytes(const RunData& data, int64_t capacity_mb) {
  const Sample first = data.source->load_sample(data.pools.samples.front());
  const double one = static_cast<double>(first.image.nbytes()) +
                     (first.label.defined() ? static_cast<double>(first.label.nbytes()) : 0);
  return std::min(one * static_cast<double>(data.pools.samples.size()),
                  static_cast<double>(capacity_mb) * kMebibyte);
}

}  // namespace

double MemoryEstimate::gpu() const { return kMargin * (state + activations + batches); }

double MemoryEstimate::host(bool has_gpu) const {
  const double training = has_gpu ? batches : state + activations + batches;
  return kMargin * (program + training + cache + inference);
}

ComposeRequest on_processor(ComposeRequest run) {
  const std::string precision = ProtocolOptions::read(compose(run).section("protocol")).precision;
  run.overrides.push_back("++device=cpu");
  if (precision == "auto" || precision == "tf32")
    run.overrides.push_back("++protocol.precision=float32");
  if (precision == "float16") run.overrides.push_back("++protocol.precision=bfloat16");
  return run;
}

MemoryEstimate estimate_memory(const ComposeRequest& run, World& world, int64_t ranks) {
  static const double program = resident_bytes();  // later ones hold what was freed before
  MemoryEstimate m{.program = program};
  const ProtocolOptions whole = ProtocolOptions::read(compose(run).section("protocol"));
  const std::vector<int64_t> patch = small_patch(whole.patch_size);
  ComposeRequest small = on_processor(run);
  small.overrides.insert(small.overrides.end(),
                         {fmt::format("++protocol.patch_size=[{}]", fmt::join(patch, ",")),
                          "++loader.threads=0", "++loader.cache_mb=0"});
  PeakBytes bytes;
  const Run made = Run::assemble(compose(small), world, Start::kCheckpoint);
  const auto networks = static_cast<double>(bytes.live());
  const RunBatches batches(made);
  const double scale = voxels(whole.patch_size) / voxels(patch) / static_cast<double>(ranks);
  for (int64_t i = 0; i < std::ssize(made.model.method->plan().stages); ++i) {
    const StageBytes stage = measure_stage(made, batches, i, bytes);
    m.state = std::max(m.state, networks + stage.state);
    m.activations = std::max(m.activations, stage.activations * scale);
    m.batches = std::max(m.batches, stage.batch * scale);
  }
  const LoaderOptions loader = LoaderOptions::read(compose(run).section("loader"));
  m.batches *= static_cast<double>(1 + loader.prefetch);
  m.inference = inference_bytes(made.data);
  m.cache = cache_bytes(made.data, loader.cache_mb);
  return m;
}

}  // namespace semiseg::cluster
