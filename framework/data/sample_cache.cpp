// SPDX-License-Identifier: Apache-2.0
#include "framework/data/sample_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {
namespace {

int64_t bytes_of(const Sample& sample) {
  const auto size = [](const at::Tensor& t) {
    return t.defined() ? static_cast<int64_t>(t.nbytes()) : 0;
  };
  return size(sample.image) + size(sample.label) + size(sample.features);
}

}  // namespace

SampleCache::SampleCache(const DatasetSource& source, std::vector<SampleInfo> samples,
                         int64_t capacity_mb, LoadFeatures features)
    : source_(source),
      features_(std::move(features)),
      samples_(std::move(samples)),
      capacity_bytes_(capacity_mb << 20),
      entries_(samples_.size()) {
  const std::vector<std::string> domains = domains_of(source.cases()),
                                 tasks = tasks_of(source.cases());
  const auto number = [](const std::vector<std::string>& names, const std::string& name) {
    return static_cast<int64_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  for (const SampleInfo& sample : samples_) {
    const CaseInfo& owner = source.cases().at(sample.case_index);
    domains_.push_back(number(domains, owner.domain));
    tasks_.push_back(number(tasks, owner.task));
  }
}

std::string SampleCache::name(size_t index) const {
  const SampleInfo& info = samples_.at(index);
  const std::string& id = source_.cases().at(info.case_index).id;
  return info.slice < 0 ? id : fmt::format("{}, slice {}", id, info.slice);
}

int64_t SampleCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

Sample SampleCache::decode(size_t index) const {
  Sample sample;
  try {
    sample = source_.load_sample(samples_.at(index));
    if (features_) sample.features = features_(samples_.at(index), sample.image);
  } catch (const Error& error) {
    ErrorParts parts = error.parts();
    parts.where =
        parts.where.empty() ? name(index) : fmt::format("{} ({})", parts.where, name(index));
    throw Error(error.kind(), std::move(parts));
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kData, {.what = "a training sample could not be loaded",
                                   .where = name(index),
                                   .got = error.what()});
  }
  SEMISEG_CHECK(sample.image.defined() && sample.image.scalar_type() == at::kFloat,
                "image float32 of " + name(index));
  SEMISEG_CHECK(!sample.label.defined() || sample.label.scalar_type() == at::kByte,
                "label uint8 of " + name(index));
  sample.image = sample.image.contiguous();
  if (sample.label.defined()) sample.label = sample.label.contiguous();
  return sample;
}

Sample SampleCache::get(size_t index) {
  Entry& entry = entries_.at(index);
  std::unique_lock lock(mutex_);
  decoded_.wait(lock, [&] { return entry.state != Entry::State::kDecoding; });
  if (entry.state == Entry::State::kPresent) return entry.sample;
  // In a full cache every caller decodes its own sample, without waiting.
  const bool is_full = bytes_ >= capacity_bytes_;
  if (!is_full) entry.state = Entry::State::kDecoding;
  lock.unlock();
  if (is_full) return decode(index);

  Sample sample;
  std::exception_ptr failure;
  try {
    sample = decode(index);
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  const bool fits = !failure && bytes_ + bytes_of(sample) <= capacity_bytes_;
  entry.state = fits ? Entry::State::kPresent : Entry::State::kAbsent;
  if (fits) {
    entry.sample = sample;
    bytes_ += bytes_of(sample);
  }
  lock.unlock();
  decoded_.notify_all();
  if (failure) std::rethrow_exception(failure);
  return sample;
}

}  // namespace semiseg
