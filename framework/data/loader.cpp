// SPDX-License-Identifier: Apache-2.0
#include "framework/data/loader.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/process.h"

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

bool wants(const StreamPlan& stream, const std::string& view) {
  return std::find(stream.views.begin(), stream.views.end(), view) != stream.views.end();
}

}  // namespace

// The samples of a batch that is being made, stream by stream.
class Loader::Rows {
 public:
  Rows(const BatchPlan& plan, const std::vector<int64_t>& slots) : plan_(plan) {
    for (size_t stream = 0; stream < plan.streams().size(); ++stream) {
      SampleIds ids;
      for (const int64_t slot : slots) {
        if (plan.stream_of(slot) == stream) ids.push_back(slot);
      }
      first_row_.push_back(static_cast<int64_t>(batch_.samples.size()));
      domains_.emplace_back();
      tasks_.emplace_back();
      batch_.add_stream(plan.streams()[stream].name, std::move(ids));
    }
    labels_.resize(batch_.streams.size());
  }

  void add_label(size_t stream, int64_t row, const at::Tensor& label) {
    set_row(labels_[stream], batch_.streams[stream].size(), row - first_row_[stream], label);
  }

  void add_groups(size_t stream, int64_t domain, int64_t task) {
    domains_[stream].push_back(domain);
    tasks_[stream].push_back(task);
  }

  void add_view(const std::string& view, const at::Tensor& image, const Placement& placement) {
    ViewRows& rows = views_[view];
    if (rows.count == 0) rows.count = count_of(view);
    SEMISEG_CHECK(!rows.images.defined() || rows.images.sizes().slice(1) == image.sizes(),
                  "the rows of a view have one size");
    set_row(rows.images, rows.count, static_cast<int64_t>(rows.placements.size()), image);
    rows.placements.push_back(placement);
  }

  // Number of channels of a view's rows so far; 0: none yet.
  int64_t channels(const std::string& view) const {
    const auto found = views_.find(view);
    return found == views_.end() ? 0 : found->second.images.size(1);
  }

  Batch finish(at::ScalarType dtype, const std::vector<int64_t>& patch_size) {
    for (size_t i = 0; i < batch_.streams.size(); ++i) {
      Stream& stream = batch_.streams[i];
      stream.domain = at::tensor(domains_[i], at::kLong);
      stream.task = at::tensor(tasks_[i], at::kLong);
      if (!plan_.has_labels(i)) continue;
      std::vector<int64_t> none = patch_size;
      none.insert(none.begin(), 0);
      stream.label = labels_[i].defined() ? labels_[i] : at::empty(none, at::kLong);
    }
    for (auto& [name, rows] : views_)
      batch_.add_view(name, rows.images.to(dtype), rows.placements, streams_with(name));
    return std::move(batch_);
  }

 private:
  struct ViewRows {
    int64_t count = 0;
    at::Tensor images;
    std::vector<Placement> placements;
  };

  int64_t count_of(const std::string& view) const {
    int64_t count = 0;
    for (size_t i = 0; i < batch_.streams.size(); ++i)
      count += wants(plan_.streams()[i], view) ? batch_.streams[i].size() : 0;
    return count;
  }

  // Empty when all have it.
  std::vector<std::string> streams_with(const std::string& view) const {
    std::vector<std::string> names;
    for (const StreamPlan& stream : plan_.streams()) {
      if (wants(stream, view)) names.push_back(stream.name);
    }
    return names.size() == plan_.streams().size() ? std::vector<std::string>() : names;
  }

  const BatchPlan& plan_;
  Batch batch_;
  std::vector<int64_t> first_row_;  // the first row of each stream
  std::vector<at::Tensor> labels_;
  std::vector<std::vector<int64_t>> domains_, tasks_;
  std::map<std::string, ViewRows> views_;
};

LoaderOptions LoaderOptions::read(const Config& section) {
  LoaderOptions o;
  section.read(
      "threads", o.threads, {0, 256},
      "Number of threads that read and augment samples; 0: the training thread does it. Batches do "
      "not depend on it. Raise it when the profile shows that training waits for data.",
      Effect::kNone);
  section.read("prefetch", o.prefetch, {1, 1024},
               "Number of batches that are made ahead. Raise it when reading times vary; each "
               "costs the memory of one batch.",
               Effect::kNone);
  section.read("cache_mb", o.cache_mb, {0, 1e7},
               "Memory for decoded samples, in MiB; 0: none is kept. Raise it to the size of the "
               "training set where the memory allows, lower it when a rank runs out of memory.",
               Effect::kNone);
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
  Batch batch = take(next_step_);
  return parts_.device.is_cpu() ? batch : batch.on(parts_.device);
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

Sample Loader::read_sample(size_t index, size_t stream) const {
  Sample sample = parts_.samples->get(index);
  if (!parts_.plan.has_labels(stream)) {
    sample.label.reset();
  } else if (!sample.label.defined()) {
    throw Error(ErrorKind::kData,
                {.what = "a labelled training sample has no label",
                 .where = parts_.samples->name(index),
                 .fix = "give the case its label, or take it out of the labelled patients"});
  }
  return sample;
}

void Loader::add_sample(Rows& rows, int64_t row, size_t index, const Draws& draws) const {
  const int64_t slot = parts_.slots[static_cast<size_t>(row)];
  const size_t stream = parts_.plan.stream_of(slot);
  const Sample sample = read_sample(index, stream);
  DrawSequence numbers = draws.sequence("augment", slot);
  const TransformParameters drawn =
      draw_parameters(parts_.transform, sample.image, sample.label, numbers);
  note_padding(drawn.placement.crop, sample.image.sizes(), index);
  const TransformedSample weak = apply(parts_.transform, drawn, sample.image, sample.label);
  rows.add_groups(stream, parts_.samples->domain(index), parts_.samples->task(index));
  if (weak.label.defined()) rows.add_label(stream, row, widen(weak.label));
  for (const std::string& name : parts_.plan.streams()[stream].views) {
    const View& view = parts_.views.find(name);
    check_channels(rows, view, sample, index);
    if (view.is_features) {
      rows.add_view(name, moved_alike(parts_.transform, drawn, sample.features), drawn.placement);
      continue;
    }
    DrawSequence own = view.continues_geometry ? numbers : draws.sequence("augment/" + name, slot);
    Placement placement = drawn.placement;
    at::Tensor image = weak.image;
    if (view.own_geometry || view.own_crop) {
      const TransformParameters other =
          view.own_crop ? with_own_crop(parts_.transform, drawn, sample.image.sizes(), own)
                        : draw_parameters(parts_.transform, sample.image, sample.label, own);
      image = apply(parts_.transform, other, sample.image, {}).image;
      placement = other.placement;
    }
    for (const auto& step : view.steps) image = step->apply(image, own);
    rows.add_view(name, image, placement);
  }
}

void Loader::check_channels(const Rows& rows, const View& view, const Sample& sample,
                            size_t index) const {
  const at::Tensor& image = view.is_features ? sample.features : sample.image;
  SEMISEG_CHECK(image.defined(), "a sample has features where a view needs them");
  const int64_t before = rows.channels(view.name);
  if (before == 0 || before == image.size(0)) return;
  throw Error(ErrorKind::kData,
              {.what = fmt::format("{} in their number of channels",
                                   view.is_features ? "features of training samples differ"
                                                    : "training samples differ"),
               .where = parts_.samples->name(index),
               .expected = std::to_string(before),
               .got = std::to_string(image.size(0))});
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
  Rows rows(parts_.plan, parts_.slots);
  for (int64_t row = 0; row < std::ssize(parts_.slots); ++row) {
    if (stop.stop_requested()) return {};
    const int64_t slot = parts_.slots[static_cast<size_t>(row)];
    add_sample(rows, row, indices.at(static_cast<size_t>(slot)), draws);
  }
  Batch batch = rows.finish(parts_.dtype, parts_.transform.patch_size);
  // The copy from pinned memory to the device overlaps the previous step.
  return parts_.device.is_cpu() ? batch : batch.pinned();
}

}  // namespace semiseg
