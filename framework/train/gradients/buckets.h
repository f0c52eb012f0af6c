// SPDX-License-Identifier: Apache-2.0
// Gradients side by side in a few flat messages, so that one reduction carries many of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "framework/nn/backbone.h"
#include "framework/train/protocol.h"

namespace semiseg {

// Pure. Indices into `parameters` by bucket. `order`: all indices, by the time at which gradients
// become ready; buckets come in the order in which they are complete. A bucket holds one dtype and
// at most options.bucket_mb of what travels, or one larger tensor. The last is complete when the
// backward pass ends and nothing hides its reduction: it holds at most an eighth of that.
std::vector<std::vector<size_t>> plan_buckets(const std::vector<NamedTensor>& parameters,
                                              const std::vector<size_t>& order,
                                              const ReductionOptions& options);

// The messages of one reduction and where each gradient lies in them. Memory is kept from step to
// step.
class GradientBuckets {
 public:
  GradientBuckets(const std::vector<NamedTensor>& parameters, const std::vector<size_t>& order,
                  const ReductionOptions& options);

  size_t size() const { return buckets_.size(); }
  const std::vector<size_t>& parameters(size_t bucket) const { return buckets_[bucket].parameters; }
  size_t bucket_of(size_t parameter) const { return slots_[parameter].bucket; }
  int64_t bytes() const;  // bytes of all messages

  // Copies a local gradient to its place; an undefined one counts as zeros.
  void put(size_t parameter, const at::Tensor& gradient);

  // Sets which local gradients were defined, one flag for each parameter; the flags are part of the
  // last message.
  void put_defined(const std::vector<uint8_t>& is_defined);

  // Returns the tensor that is summed over ranks, in place: flat, in the gradients' dtype, or
  // bfloat16 if compressed.
  at::Tensor& message(size_t bucket) { return buckets_[bucket].message; }

  // Converts compressed messages back to the gradients' dtype, after the sums.
  void unpack();

  // Returns the sum of a parameter's gradients, in its shape and dtype: a view, valid until the
  // next put().
  const at::Tensor& sum(size_t parameter) const { return slots_[parameter].sum; }

  // After the sums, until the next put_defined(): which gradients were defined on at least one rank,
  // and on all `ranks` of them. A message counts as exactly as its dtype does: with more ranks than
  // that (256 in bfloat16) no gradient is known to be everywhere.
  std::vector<uint8_t> defined_anywhere() const;
  std::vector<uint8_t> defined_everywhere(int ranks) const;

 private:
  struct Bucket {
    std::vector<size_t> parameters;
    at::Tensor message, sums;  // flat; the same tensor unless compressed
  };
  struct Slot {
    size_t bucket = 0;
    at::Tensor outgoing, sum;  // views into message and sums
  };

  void lay_out(size_t bucket, const std::vector<NamedTensor>& parameters, bool is_compressed);

  std::vector<Bucket> buckets_;
  std::vector<Slot> slots_;  // by parameter
  at::Tensor flags_;         // [P], view into the last message
};

}  // namespace semiseg
