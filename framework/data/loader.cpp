// SPDX-License-Identifier: Apache-2.0
#include "framework/data/loader.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/single_thread.h"

namespace semiseg {
namespace {

// Copies `value` to row `row` of `rows`, which is made with `count` rows when it is not there yet.
void set_row(at::Tensor& rows, int64_t count, int64_t row, const at::Tensor& value) {
  if (!rows.defined()) {
    std::vector<int64_t> sizes = value.sizes().vec();
    sizes.insert(sizes.begin(), count);
    rows = at::empty(sizes, value.scalar_type());
  }
  std::memcpy(
      static_cast<char*>(rows.mutable_data_ptr()) + static_cast<size_t>(row) * value.nbytes(),
      value.const_data_ptr(), value.nbytes());
}

at::Tensor widen(const at::Tensor& label) {
  at::Tensor result = at::empty(label.sizes(), at::kLong);
  std::copy_n(label.const_data_ptr<uint8_t>(), label.numel(), result.mutable_data_ptr<int64_t>());
  return result;
}

}  // namespace

LoaderOptions LoaderOptions::read(const Config& section) {
  LoaderOptions o;
  section.read(
      "threads", o.threads, {0, 256},
      "threads that read and augment; 0: the training thread does it. Batches do not depend on it");
  section.read("prefetch", o.prefetch, {1, 1024},
               "batches made ahead; each costs memory of one batch");
  section.read("cache_mb", o.cache_mb, {0, 1e7}, "decoded samples kept in memory, MiB; 0: none");
  return o;
}

Loader::Loader(LoaderParts parts, const LoaderOptions& options)
    : parts_(std::move(parts)),
      prefetch_(std::max<int64_t>(options.prefetch, 1)),
      next_step_(parts_.first_step),
      claimed_(parts_.first_step) {
  SEMISEG_CHECK(!parts_.slots.empty() && std::is_sorted(parts_.slots.begin(), parts_.slots.end()),
                "a rank has slots, in ascending order");
  for (int64_t i = 0; i < options.threads; ++i) {
    workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

Loader::~Loader() { stop(); }

void Loader::stop() {
  stopped_ = true;
  for (auto& worker : workers_) worker.request_stop();
  workers_.clear();
}

Batch Loader::next() {
  SEMISEG_CHECK(!stopped_, "no batch after stop()");
  SEMISEG_CHECK(next_step_ < parts_.steps, "no batch beyond the end of its stage");
  const auto begin = std::chrono::steady_clock::now();
  Batch batch = on_device(take(next_step_));
  wait_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return batch;
}

Batch Loader::on_device(Batch batch) const {
  if (parts_.device.is_cpu()) return batch;
  for (at::Tensor* part : {&batch.image, &batch.image_strong, &batch.label}) {
    if (part->defined()) *part = part->to(parts_.device, /*non_blocking=*/true);
  }
  return batch;
}

Batch Loader::take(int64_t step) {
  std::unique_lock lock(mutex_);
  if (workers_.empty() && !ready_.contains(step)) ready_.emplace(step, make(step, {}));
  changed_.wait(lock, [&] { return ready_.contains(step); });
  const auto found = ready_.find(step);
  if (const auto* failure = std::get_if<std::exception_ptr>(&found->second))
    std::rethrow_exception(*failure);
  Batch batch = std::get<Batch>(std::move(found->second));
  ready_.erase(found);
  ++next_step_;
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void Loader::work(const std::stop_token& stop) {
  run_operations_in_this_thread();
  while (true) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop,
                  [&] { return claimed_ < parts_.steps && claimed_ < next_step_ + prefetch_; });
    if (stop.stop_requested()) return;
    const int64_t step = claimed_++;
    lock.unlock();
    Result result = make(step, stop);
    lock.lock();
    ready_.emplace(step, std::move(result));
    lock.unlock();
    changed_.notify_all();
  }
}

Loader::Result Loader::make(int64_t step, const std::stop_token& stop) const {
  try {
    return make_batch(step, stop);
  } catch (...) {
    return std::current_exception();
  }
}

TransformedSample Loader::make_sample(size_t index, int64_t slot, const Draws& draws) const {
  Sample sample = parts_.samples->get(index);
  const bool is_labelled = slot < parts_.plan.shape().labelled;
  if (!is_labelled) sample.label.reset();
  if (is_labelled && !sample.label.defined()) {
    throw Error(ErrorKind::kData,
                {.what = "a labelled training sample has no label",
                 .where = parts_.samples->name(index),
                 .fix = "give the case its label, or take it out of the labelled patients"});
  }
  DrawSequence numbers = draws.sequence("augment", slot);
  const TransformParameters parameters =
      draw_parameters(parts_.transform, sample.image.sizes(), numbers);
  note_padding(parameters.crop, sample.image.sizes(), index);
  return apply(parts_.transform, parameters, sample.image, sample.label, parts_.strong_view);
}

void Loader::note_padding(const CropParameters& crop, at::IntArrayRef sizes, size_t index) const {
  if (crop.padding == VolumeSize{}) return;
  std::call_once(noted_padding_, [&] {
    log::info("volumes that are not larger than the patch [{}] are padded with zeros, as {} [{}]",
              fmt::join(parts_.transform.patch_size, ","), parts_.samples->name(index),
              fmt::join(sizes.slice(1), ","));
  });
}

Batch Loader::make_batch(int64_t step, const std::stop_token& stop) const {
  const std::vector<size_t> indices = parts_.plan.samples(step);
  const Draws draws = parts_.draws.at(parts_.stage, step);
  const auto size = static_cast<int64_t>(parts_.slots.size());
  Batch batch{.samples = parts_.slots};
  batch.labelled = std::count_if(parts_.slots.begin(), parts_.slots.end(),
                                 [&](int64_t slot) { return slot < parts_.plan.shape().labelled; });
  for (int64_t row = 0; row < size && !stop.stop_requested(); ++row) {
    const int64_t slot = parts_.slots[static_cast<size_t>(row)];
    const size_t index = indices.at(static_cast<size_t>(slot));
    const TransformedSample sample = make_sample(index, slot, draws);
    if (batch.image.defined() && batch.image.size(1) != sample.image.size(0)) {
      throw Error(ErrorKind::kData, {.what = "training samples differ in their number of channels",
                                     .where = parts_.samples->name(index),
                                     .expected = std::to_string(batch.image.size(1)),
                                     .got = std::to_string(sample.image.size(0))});
    }
    set_row(batch.image, size, row, sample.image);
    if (parts_.strong_view) set_row(batch.image_strong, size, row, sample.image_strong);
    if (row < batch.labelled) set_row(batch.label, batch.labelled, row, widen(sample.label));
  }
  batch.image = batch.image.to(parts_.dtype);
  if (parts_.strong_view) batch.image_strong = batch.image_strong.to(parts_.dtype);
  if (!batch.label.defined()) {
    std::vector<int64_t> sizes = parts_.transform.patch_size;
    sizes.insert(sizes.begin(), 0);
    batch.label = at::empty(sizes, at::kLong);
  }
  // From pinned memory the copy to the device runs beside the step before.
  if (!parts_.device.is_cpu()) {
    for (at::Tensor* part : {&batch.image, &batch.image_strong, &batch.label}) {
      if (part->defined()) *part = part->pin_memory();
    }
  }
  return batch;
}

}  // namespace semiseg
