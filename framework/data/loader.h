// SPDX-License-Identifier: Apache-2.0
// Batches of consecutive steps, made ahead by threads. A batch is a function of seed, stage and
// step: thread count, prefetch, cache and the step at which the loader began do not change it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <variant>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/random/draws.h"
#include "framework/data/batch.h"
#include "framework/data/batch_plan.h"
#include "framework/data/sample_cache.h"
#include "framework/data/transforms/transforms.h"
#include "framework/data/views.h"

namespace semiseg {

struct LoaderOptions {
  int64_t threads = 2;      // 0: batches are made in next()
  int64_t prefetch = 4;     // batches made or being made, ahead of the current one
  int64_t cache_mb = 1024;  // decoded samples in memory; for SampleCache

  static LoaderOptions read(const Config& section);
};

// A loader makes the batches of one stage on one rank from these.
struct LoaderParts {
  std::shared_ptr<SampleCache> samples;  // cache of Pools::samples
  BatchPlan plan;
  std::vector<int64_t> slots;  // slots of this rank, ascending, from share(…)
  TransformOptions transform;
  Views views;
  Draws draws;  // of the run seed; sample s of step t uses at(stage, t).sequence("augment", s)
  int64_t stage = 0;
  int64_t first_step = 0;             // the first next() is the batch of this step
  int64_t steps = 0;                  // length of the stage; nothing is made beyond it
  at::ScalarType dtype = at::kFloat;  // dtype of the images, which are augmented in float32
  at::Device device = at::kCPU;       // device of the batches; for a GPU, threads use pinned memory
};

class Loader : public BatchSource {
 public:
  Loader(LoaderParts parts, const LoaderOptions& options);
  ~Loader() override;
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Returns the next step's batch on the device, with the views that its streams ask for; S is the
  // patch size, sample ids are the slots. Labels of pools without labels are never read. An error
  // of a thread (kData with the case's name) is thrown here at its step and at every later call.
  // Not thread-safe.
  Batch next() override;

  // Joins the threads once they have finished their current samples; next() must not be called
  // afterwards. The destructor does the same.
  void stop();

 private:
  using Result = std::variant<Batch, std::exception_ptr>;
  Result make(int64_t step, const std::stop_token& stop) const;
  Batch make_batch(int64_t step, const std::stop_token& stop) const;
  class Rows;
  void add_sample(Rows& rows, int64_t row, size_t index, const Draws& draws) const;
  Sample read_sample(size_t index, size_t stream) const;
  // Throws kData when the sample has another number of channels than the rows of the view so far.
  void check_channels(const Rows& rows, const View& view, const Sample& sample, size_t index) const;
  // Logs one line for the first volume that is padded.
  void note_padding(const CropParameters& crop, at::IntArrayRef sizes, size_t index) const;
  void work(const std::stop_token& stop);
  Batch take(int64_t step);

  const LoaderParts parts_;
  const int64_t prefetch_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<int64_t, Result> ready_;  // by step
  int64_t next_step_;                // step of the next call of next()
  int64_t claimed_;                  // first step that no thread has started
  bool stopped_ = false;
  mutable std::once_flag noted_padding_;
  std::vector<std::jthread> workers_;  // last: they use everything above
};

}  // namespace semiseg
