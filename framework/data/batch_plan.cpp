// SPDX-License-Identifier: Apache-2.0
#include "framework/data/batch_plan.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "framework/core/error.h"

namespace semiseg {
namespace {

int64_t count(const std::vector<SampleInfo>& samples) {
  return static_cast<int64_t>(samples.size());
}

void check_pool(const LabelBudget& budget, const char* kind, int64_t pool, int64_t slots) {
  if (pool >= slots) return;
  throw Error(
      ErrorKind::kConfig,
      {.what = fmt::format("too few {} samples for the batch", kind),
       .where = fmt::format("labelled patients: {}", fmt::join(budget.patients, ", ")),
       .expected =
           fmt::format("at least {} {} samples, one for each such slot of the batch", slots, kind),
       .got = fmt::format("{} ({} labelled and {} unlabelled samples in all)", pool,
                          budget.labelled.size(), budget.unlabelled.size()),
       .fix = "set another number of labelled patients (labelled=…), or make protocol.batch or "
              "protocol.labelled_batch smaller"});
}

// Slots alone, those of each stream spread evenly over the row: a labelled slot per unlabelled one
// when there are equally many.
std::vector<std::vector<int64_t>> single_units(const BatchShape& shape) {
  std::vector<std::pair<double, int64_t>> row;
  const auto spread = [&row](int64_t first, int64_t size) {
    for (int64_t i = 0; i < size; ++i)
      row.emplace_back((static_cast<double>(i) + 0.5) / static_cast<double>(size), first + i);
  };
  spread(0, shape.labelled);
  spread(shape.labelled, shape.unlabelled);
  std::sort(row.begin(), row.end());
  std::vector<std::vector<int64_t>> units;
  for (const auto& [place, slot] : row) units.push_back({slot});
  return units;
}

void check_partition(int64_t slots, const std::vector<std::vector<int64_t>>& units) {
  std::vector<int64_t> all;
  for (const auto& unit : units) all.insert(all.end(), unit.begin(), unit.end());
  std::sort(all.begin(), all.end());
  std::vector<int64_t> expected(static_cast<size_t>(slots));
  std::iota(expected.begin(), expected.end(), int64_t{0});
  SEMISEG_CHECK(all == expected,
                fmt::format("the units of a stage hold each of the {} slots once", slots));
}

}  // namespace

BatchPlan::BatchPlan(const LabelBudget& budget, BatchShape shape, const Draws& draws, int64_t stage,
                     UnlabelledStream stream)
    : shape_(shape),
      draws_(draws),
      stage_(stage),
      stream_(stream),
      labelled_pool_(count(budget.labelled)),
      unlabelled_pool_(budget.unlabelled.empty() ? labelled_pool_ : count(budget.unlabelled)),
      unlabelled_begin_(budget.unlabelled.empty() ? 0 : labelled_pool_) {
  SEMISEG_CHECK(
      shape.labelled >= 0 && shape.unlabelled >= 0 && shape.labelled + shape.unlabelled > 0,
      "a batch has at least one slot");
  SEMISEG_CHECK(stream == UnlabelledStream::kEndless || shape.labelled > 0,
                "the reference's stream counts labelled epochs");
  check_pool(budget, "labelled", labelled_pool_, shape.labelled);
  check_pool(budget, "unlabelled", unlabelled_pool_, shape.unlabelled);
}

int64_t BatchPlan::epoch_length() const {
  SEMISEG_CHECK(shape_.labelled > 0, "an epoch is counted in labelled samples");
  return labelled_pool_ / shape_.labelled;
}

BatchPlan::Place BatchPlan::place(int64_t step, int64_t slot) const {
  if (slot < shape_.labelled)
    return {step / epoch_length(), step % epoch_length() * shape_.labelled + slot};
  const int64_t column = slot - shape_.labelled;
  if (stream_ == UnlabelledStream::kEndless) {
    const int64_t index = step * shape_.unlabelled + column;
    return {index / unlabelled_pool_, index % unlabelled_pool_};
  }
  const int64_t drawn_per_epoch = epoch_length() * shape_.unlabelled;
  const int64_t permutations_per_epoch =
      (drawn_per_epoch + unlabelled_pool_ - 1) / unlabelled_pool_;
  const int64_t index = step % epoch_length() * shape_.unlabelled + column;
  return {step / epoch_length() * permutations_per_epoch + index / unlabelled_pool_,
          index % unlabelled_pool_};
}

std::vector<size_t> BatchPlan::samples(int64_t step) const {
  std::vector<size_t> result;
  const auto append = [&](const char* name, int64_t pool, int64_t begin, int64_t first_slot,
                          int64_t last_slot) {
    at::Tensor order;
    int64_t current = -1;
    for (int64_t slot = first_slot; slot < last_slot; ++slot) {
      const Place place = this->place(step, slot);
      if (place.permutation != current)
        order = draws_.at(stage_, place.permutation).permutation(name, pool);
      current = place.permutation;
      result.push_back(
          static_cast<size_t>(begin + order.const_data_ptr<int64_t>()[place.position]));
    }
  };
  append("labelled_order", labelled_pool_, 0, 0, shape_.labelled);
  append("unlabelled_order", unlabelled_pool_, unlabelled_begin_, shape_.labelled,
         shape_.labelled + shape_.unlabelled);
  return result;
}

std::vector<SampleInfo> training_pool(const LabelBudget& budget) {
  std::vector<SampleInfo> samples = budget.labelled;
  samples.insert(samples.end(), budget.unlabelled.begin(), budget.unlabelled.end());
  return samples;
}

std::vector<int64_t> share(const BatchShape& shape, const std::vector<std::vector<int64_t>>& units,
                           int rank, int size) {
  const int64_t slots = shape.labelled + shape.unlabelled;
  SEMISEG_CHECK(rank >= 0 && rank < size, "rank within the world");
  const auto& all = units.empty() ? single_units(shape) : units;
  check_partition(slots, all);
  const auto total = static_cast<int64_t>(all.size());
  if (size > total) {
    throw Error(ErrorKind::kConfig,
                {.what = "too many ranks for this batch",
                 .expected = fmt::format("at most {} ranks: a batch of {} samples in {} units",
                                         total, slots, total),
                 .got = fmt::format("{} ranks", size),
                 .fix = "start fewer ranks, or make protocol.batch larger"});
  }
  std::vector<int64_t> mine;
  for (int64_t unit = total * rank / size; unit < total * (rank + 1) / size; ++unit) {
    const auto& members = all[static_cast<size_t>(unit)];
    mine.insert(mine.end(), members.begin(), members.end());
  }
  std::sort(mine.begin(), mine.end());
  return mine;
}

}  // namespace semiseg
