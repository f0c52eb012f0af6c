// SPDX-License-Identifier: Apache-2.0
#include "framework/train/gradients/buckets.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <map>

namespace semiseg {
namespace {

constexpr double kBytesOfMegabyte = 1 << 20;
constexpr double kTailShare = 1. / 8;

at::ScalarType dtype_of_message(const at::Tensor& parameter, bool is_compressed) {
  return is_compressed ? at::kBFloat16 : parameter.scalar_type();
}

std::vector<uint8_t> on_host(const at::Tensor& flags) {
  const at::Tensor bytes = flags.to(at::kCPU, at::kByte);
  const auto* first = bytes.const_data_ptr<uint8_t>();
  return {first, first + bytes.numel()};
}

bool is_compressed(const ReductionOptions& options) { return options.compression == "bfloat16"; }

}  // namespace

std::vector<std::vector<size_t>> plan_buckets(const std::vector<NamedTensor>& parameters,
                                              const std::vector<size_t>& order,
                                              const ReductionOptions& options) {
  struct Open {
    size_t bucket;
    double bytes, limit;
  };
  std::map<at::ScalarType, Open> open;
  std::vector<std::vector<size_t>> buckets;
  const double limit = options.bucket_mb * kBytesOfMegabyte;
  // Goes from the gradient that is ready last to the first, so that the small bucket is the last
  // one.
  for (auto i = order.rbegin(); i != order.rend(); ++i) {
    const at::Tensor& value = parameters[*i].value;
    const double bytes =
        static_cast<double>(value.numel()) *
        static_cast<double>(c10::elementSize(dtype_of_message(value, is_compressed(options))));
    auto [place, is_new] = open.try_emplace(value.scalar_type());
    Open& current = place->second;
    if (is_new || current.bytes + bytes > current.limit) {
      current = {buckets.size(), 0, buckets.empty() ? limit * kTailShare : limit};
      buckets.emplace_back();
    }
    buckets[current.bucket].push_back(*i);
    current.bytes += bytes;
  }
  for (auto& bucket : buckets) std::reverse(bucket.begin(), bucket.end());
  std::reverse(buckets.begin(), buckets.end());
  return buckets;
}

GradientBuckets::GradientBuckets(const std::vector<NamedTensor>& parameters,
                                 const std::vector<size_t>& order, const ReductionOptions& options)
    : slots_(parameters.size()) {
  for (auto& indices : plan_buckets(parameters, order, options)) {
    buckets_.push_back({std::move(indices), {}, {}});
  }
  for (size_t b = 0; b < buckets_.size(); ++b) lay_out(b, parameters, is_compressed(options));
}

void GradientBuckets::lay_out(size_t bucket, const std::vector<NamedTensor>& parameters,
                              bool is_compressed) {
  Bucket& b = buckets_[bucket];
  const at::Tensor& first = parameters[b.parameters.front()].value;
  int64_t length = 0;
  for (const size_t i : b.parameters) length += parameters[i].value.numel();
  const bool is_last = bucket + 1 == buckets_.size();
  const int64_t flags = is_last ? std::ssize(slots_) : 0;
  b.message =
      at::zeros({length + flags}, first.options().dtype(dtype_of_message(first, is_compressed)));
  b.sums = is_compressed ? at::zeros({length}, first.options()) : b.message;
  if (is_last) flags_ = b.message.slice(0, length);
  int64_t begin = 0;
  for (const size_t i : b.parameters) {
    const at::Tensor& value = parameters[i].value;
    const auto part = [&](const at::Tensor& flat) {
      return flat.slice(0, begin, begin + value.numel()).view(value.sizes());
    };
    slots_[i] = {bucket, part(b.message), part(b.sums)};
    begin += value.numel();
  }
}

int64_t GradientBuckets::bytes() const {
  int64_t total = 0;
  for (const auto& bucket : buckets_) total += static_cast<int64_t>(bucket.message.nbytes());
  return total;
}

void GradientBuckets::put(size_t parameter, const at::Tensor& gradient) {
  at::Tensor& place = slots_[parameter].outgoing;
  gradient.defined() ? place.copy_(gradient) : place.zero_();
}

void GradientBuckets::put_defined(const std::vector<uint8_t>& is_defined) {
  flags_.copy_(at::tensor(is_defined));
}

void GradientBuckets::unpack() {
  for (auto& bucket : buckets_) {
    if (bucket.sums.is_same(bucket.message)) continue;
    bucket.sums.copy_(bucket.message.slice(0, 0, bucket.sums.numel()));
  }
}

std::vector<uint8_t> GradientBuckets::defined_anywhere() const { return on_host(flags_.gt(0)); }

std::vector<uint8_t> GradientBuckets::defined_everywhere(int ranks) const {
  const double exact_up_to = flags_.scalar_type() == at::kBFloat16 ? 256
                             : flags_.scalar_type() == at::kHalf   ? 2048
                                                                   : 1 << 24;
  if (ranks > exact_up_to) return std::vector<uint8_t>(slots_.size(), 0);
  return on_host(flags_.ge(ranks));
}

}  // namespace semiseg
