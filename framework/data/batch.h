// SPDX-License-Identifier: Apache-2.0
// A method receives this in one step: this rank's share of the global batch, as the streams that
// the stage planned.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/core/random/draws.h"
#include "framework/data/placement.h"

namespace semiseg {

// The view that every stream has: the sample in its random geometry.
inline constexpr const char* kWeakView = "weak";

// One part of the global batch.
struct StreamPlan {
  std::string name;     // "labelled"; unique in its stage
  std::string pool;     // pool of the setting that it draws from
  int64_t samples = 0;  // samples of the global batch; 0: the stream is left out
  std::vector<std::string> views = {kWeakView};  // "weak" and views of [protocol.views]
};

inline int64_t batch_size(const std::vector<StreamPlan>& streams) {
  int64_t size = 0;
  for (const StreamPlan& stream : streams) size += stream.samples;
  return size;
}

// Axis legend: B samples of this rank, C channels, S spatial axes.

// One view of the samples of a stream.
struct StreamView {
  std::string name;
  at::Tensor image;                   // [B,C,S] float32 (float64 in a double run)
  std::vector<Placement> placements;  // [B]; empty where the batch was not made by a loader
  at::Tensor label;  // [B,S] where the view changes the ground truth; undefined: the stream's
};

// This rank's samples of one stream; B may be 0.
struct Stream {
  std::string name;
  SampleIds samples;  // [B] slot of each sample in the global batch: the id for named draws
  at::Tensor label;  // [B,S] int64, classes 0 … K-1, in the weak view's geometry. Undefined where
                     // the pool has none: ground truth of unlabelled samples is never here
  at::Tensor domain, task;  // [B] int64, on the CPU: indices into MethodContext::domains and tasks
  std::vector<StreamView> views;

  int64_t size() const { return static_cast<int64_t>(samples.size()); }
  // Views share their geometry with the weak one unless [protocol.views] says otherwise. Both throw
  // kInternal, with the names of the views, for an unknown one.
  const at::Tensor& image(std::string_view view = kWeakView) const;
  const std::vector<Placement>& placements(std::string_view view = kWeakView) const;
  // The ground truth of a view, which may leave out what the view hides.
  const at::Tensor& label_in(std::string_view view) const;

 private:
  const StreamView& find(std::string_view view) const;
};

struct Batch {
  std::vector<Stream> streams;  // in the order of the stage's plan
  SampleIds samples;            // ids of the samples of all streams

  // Throws kInternal, with the names of the streams, for an unknown one.
  const Stream& operator[](std::string_view stream) const;

  // Returns [B,C,S] of all streams in their order, without a copy if add_view() added it as a
  // whole. Throws kInternal when a stream lacks the view.
  at::Tensor joined(std::string_view view = kWeakView) const;

  // Appends a stream without views.
  Stream& add_stream(std::string name, SampleIds ids);
  // Gives a view to these streams, or to all: `image` has their samples in the order of the
  // streams; each stream gets its rows without a copy.
  void add_view(const std::string& view, const at::Tensor& image,
                const std::vector<Placement>& placements = {},
                const std::vector<std::string>& stream_names = {});
  // Returns the batch with images and labels on the device; copies from pinned memory are
  // asynchronous.
  Batch on(at::Device device) const;
  Batch pinned() const;

 private:
  template <class Function>
  Batch mapped(const Function& change) const;

  struct WholeView {
    std::string name;
    at::Tensor image;
    std::vector<std::string> streams;  // empty: all
  };
  std::vector<WholeView> whole_;
};

// The batches of consecutive steps of one stage, on one rank.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // Returns the batch of the next step. Throws the error that occurred while it was made.
  virtual Batch next() = 0;
};

}  // namespace semiseg
