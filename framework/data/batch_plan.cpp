// SPDX-License-Identifier: Apache-2.0
#include "framework/data/batch_plan.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {
namespace {

void check_pool(const Pools& pools, const Pool& pool, const StreamPlan& stream) {
  const auto size = static_cast<int64_t>(pool.members.size());
  if (size >= stream.samples) return;
  std::string sizes;
  for (const Pool& one : pools.pools)
    sizes += fmt::format("{}{} {}", sizes.empty() ? "" : ", ", one.members.size(), one.name);
  throw Error(
      ErrorKind::kConfig,
      {.what = fmt::format("too few {} samples for the batch", pool.name),
       .where = fmt::format("labelled patients: {}", fmt::join(pools.labelled_patients, ", ")),
       .expected = fmt::format("at least {} {} samples, one for each such slot of the batch",
                               stream.samples, pool.name),
       .got = fmt::format("{} (samples of each pool: {})", size, sizes),
       .fix = "set another number of labelled patients (labelled=…), or make protocol.batch or "
              "protocol.labelled_batch smaller"});
}

// Slots alone, those of each stream spread evenly over the row: a labelled slot per unlabelled one
// when there are equally many.
std::vector<std::vector<int64_t>> single_slots(const std::vector<StreamPlan>& streams) {
  std::vector<std::pair<double, int64_t>> row;
  int64_t first = 0;
  for (const StreamPlan& stream : streams) {
    for (int64_t i = 0; i < stream.samples; ++i) {
      row.emplace_back((static_cast<double>(i) + 0.5) / static_cast<double>(stream.samples),
                       first + i);
    }
    first += stream.samples;
  }
  std::sort(row.begin(), row.end());
  std::vector<std::vector<int64_t>> groups;
  for (const auto& [place, slot] : row) groups.push_back({slot});
  return groups;
}

void check_partition(int64_t slots, const std::vector<std::vector<int64_t>>& groups) {
  std::vector<int64_t> all;
  for (const auto& group : groups) all.insert(all.end(), group.begin(), group.end());
  std::sort(all.begin(), all.end());
  std::vector<int64_t> expected(static_cast<size_t>(slots));
  std::iota(expected.begin(), expected.end(), int64_t{0});
  SEMISEG_CHECK(
      all == expected,
      fmt::format("the colocated groups of a stage hold each of the {} slots once", slots));
}

}  // namespace

BatchPlan::BatchPlan(const Pools& pools, std::vector<StreamPlan> streams, const Draws& draws,
                     int64_t stage, EndlessStreams endless)
    : streams_(std::move(streams)), draws_(draws), stage_(stage), endless_(endless) {
  int64_t slot = 0;
  for (const StreamPlan& stream : streams_) {
    SEMISEG_CHECK(stream.samples >= 0, "a stream has no negative number of samples");
    pools_.push_back(pools.find(stream.pool));
    check_pool(pools, pools_.back(), stream);
    begin_.push_back(slot);
    slot += stream.samples;
  }
  SEMISEG_CHECK(slot > 0, "a batch has at least one slot");
  begin_.push_back(slot);
  SEMISEG_CHECK(endless == EndlessStreams::kWholeStage || pools_[0].has_labels,
                "the reference's streams count labelled epochs");
}

int64_t BatchPlan::pool_size(size_t stream) const {
  return static_cast<int64_t>(pools_[stream].members.size());
}

int64_t BatchPlan::epoch_length(size_t stream) const {
  SEMISEG_CHECK(pools_[stream].has_labels && streams_[stream].samples > 0,
                "an epoch is counted in labelled samples");
  return pool_size(stream) / streams_[stream].samples;
}

int64_t BatchPlan::epoch_length() const { return epoch_length(0); }

int64_t BatchPlan::longest_epoch() const {
  std::map<std::string, int64_t> drawn;  // by pool, in a step
  for (const StreamPlan& stream : streams_) drawn[stream.pool] += stream.samples;
  int64_t longest = 1;
  for (size_t stream = 0; stream < streams_.size(); ++stream) {
    const int64_t samples = drawn[streams_[stream].pool];
    if (samples > 0) longest = std::max(longest, pool_size(stream) / samples);
  }
  return longest;
}

size_t BatchPlan::stream_of(int64_t slot) const {
  const auto behind = std::upper_bound(begin_.begin(), begin_.end(), slot);
  return static_cast<size_t>(behind - begin_.begin()) - 1;
}

BatchPlan::Place BatchPlan::place(int64_t step, int64_t slot) const {
  const size_t stream = stream_of(slot);
  const int64_t drawn = streams_[stream].samples, column = slot - begin_[stream];
  if (pools_[stream].has_labels) {
    const int64_t epoch = epoch_length(stream);
    return {step / epoch, step % epoch * drawn + column};
  }
  const int64_t pool = pool_size(stream);
  if (endless_ == EndlessStreams::kWholeStage) {
    const int64_t index = step * drawn + column;
    return {index / pool, index % pool};
  }
  const int64_t epoch = epoch_length(), permutations_per_epoch = (epoch * drawn + pool - 1) / pool;
  const int64_t index = step % epoch * drawn + column;
  return {step / epoch * permutations_per_epoch + index / pool, index % pool};
}

std::vector<size_t> BatchPlan::samples(int64_t step) const {
  std::vector<size_t> result;
  for (size_t stream = 0; stream < streams_.size(); ++stream) {
    at::Tensor order;
    int64_t current = -1;
    for (int64_t slot = begin_[stream]; slot < begin_[stream + 1]; ++slot) {
      const Place place = this->place(step, slot);
      if (place.permutation != current) {
        order = draws_.at(stage_, place.permutation)
                    .permutation(streams_[stream].name + "_order", pool_size(stream));
      }
      current = place.permutation;
      const auto member = static_cast<size_t>(order.const_data_ptr<int64_t>()[place.position]);
      result.push_back(pools_[stream].members[member]);
    }
  }
  return result;
}

std::vector<int64_t> share(const std::vector<StreamPlan>& streams,
                           const std::vector<std::vector<int64_t>>& colocated, int rank, int size) {
  const int64_t slots = batch_size(streams);
  SEMISEG_CHECK(rank >= 0 && rank < size, "rank within the world");
  const auto& all = colocated.empty() ? single_slots(streams) : colocated;
  check_partition(slots, all);
  const auto total = static_cast<int64_t>(all.size());
  if (size > total) {
    throw Error(ErrorKind::kConfig,
                {.what = "too many ranks for this batch",
                 .expected = fmt::format(
                     "at most {} ranks: a batch of {} samples in {} groups that stay on one rank",
                     total, slots, total),
                 .got = fmt::format("{} ranks", size),
                 .fix = "start fewer ranks, or make protocol.batch larger"});
  }
  std::vector<int64_t> mine;
  for (int64_t group = total * rank / size; group < total * (rank + 1) / size; ++group) {
    const auto& members = all[static_cast<size_t>(group)];
    mine.insert(mine.end(), members.begin(), members.end());
  }
  std::sort(mine.begin(), mine.end());
  return mine;
}

}  // namespace semiseg
