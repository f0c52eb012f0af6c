// SPDX-License-Identifier: Apache-2.0
// The evaluator on whole cases, over ranks.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>

#include "framework/core/error.h"
#include "framework/core/ignore_label.h"
#include "framework/metrics/evaluator.h"
#include "launch/conformance/thread_communicator.h"
#include "tests/support/cube_source.h"

namespace semiseg {
namespace {

using Bits = std::vector<uint64_t>;
Bits bits_of(const std::vector<EvaluationRow>& rows) {
  Bits bits;
  for (const EvaluationRow& row : rows) {
    const ClassMetrics& m = row.metrics;
    for (const MetricField& field : metric_schema())
      bits.push_back(std::bit_cast<uint64_t>(m.*field.value));
    for (const int64_t v : {m.prediction_voxels, m.reference_voxels, m.overlap_voxels, row.label}) {
      bits.push_back(static_cast<uint64_t>(v));
    }
  }
  return bits;
}

std::vector<EvaluationRow> evaluate_serially(const Cubes& cubes,
                                             const EvaluatorOptions& options = {}) {
  return evaluate(cubes, Split::kTest, moved, options, *make_serial_communicator());
}

TEST(Evaluator, GivesOneRowForEachCaseAndClassInOrder) {
  const auto rows = evaluate_serially(Cubes());
  ASSERT_EQ(rows.size(), 10);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].case_id, "case" + std::to_string(i / 2 + 1));
    EXPECT_EQ(rows[i].patient, "patient" + std::to_string(i / 2 + 1));
    EXPECT_EQ(rows[i].centre, i / 2 + 1 < 3 ? "north" : "south");
    EXPECT_EQ(rows[i].label, static_cast<int64_t>(i % 2) + 1);
    EXPECT_EQ(rows[i].class_name, i % 2 == 0 ? "a" : "b");
  }
  EXPECT_DOUBLE_EQ(rows[0].metrics.dice, 0.5);
  EXPECT_DOUBLE_EQ(rows[0].metrics.hd, 1);
}

// Slices 1 and 3 of the ground truth have no class.
class PartlyIgnored : public Cubes {
 public:
  PartlyIgnored() : info_(Cubes::info()) { info_.has_ignore_label = true; }
  const DatasetInfo& info() const override { return info_; }
  Volume load(size_t i) const override {
    Volume volume = Cubes::load(i);
    for (const int64_t slice : {1, 3}) volume.label[slice].fill_(kIgnoreLabel);
    return volume;
  }

 private:
  DatasetInfo info_;
};

// Case 1: the cube of slices 1 and 2 is predicted in slices 2 and 3.
TEST(Evaluator, VoxelsWithoutAClassAreNotMeasured) {
  const ClassMetrics metrics = evaluate_serially(PartlyIgnored()).at(0).metrics;
  EXPECT_EQ(metrics.prediction_voxels, 4);
  EXPECT_EQ(metrics.reference_voxels, 4);
  EXPECT_DOUBLE_EQ(metrics.dice, 1);
  EXPECT_DOUBLE_EQ(metrics.hd, 0);
}

TEST(Evaluator, RowsDoNotDependOnTheNumberOfRanks) {
  const Cubes cubes;
  const auto serial = evaluate_serially(cubes);
  for (const int size : {2, 3, 7}) {  // 7: two ranks have no case
    std::vector<Bits> bits(static_cast<size_t>(size));
    run_ranks(size, [&](const Communicator& comm) {
      bits[static_cast<size_t>(comm.rank())] =
          bits_of(evaluate(cubes, Split::kTest, moved, {}, comm));
    });
    for (const Bits& of_rank : bits) EXPECT_EQ(of_rank, bits_of(serial)) << size << " ranks";
  }
}

TEST(Evaluator, ARankThatIsStoppedLeavesEveryRankWithoutRows) {
  const Cubes cubes;
  run_ranks(3, [&](const Communicator& comm) {
    int asked = 0;
    EvaluatorOptions options{.stop = [&] { return ++asked == 2 && comm.rank() == 1; }};
    EXPECT_TRUE(evaluate(cubes, Split::kTest, moved, options, comm).empty());
    EXPECT_EQ(asked, 2) << "the others go on with no case either";
    options.stop = [] { return false; };
    EXPECT_EQ(evaluate(cubes, Split::kTest, moved, options, comm).size(), 10u);
  });
}

// Ranks may even disagree on the costs, as where each has a copy of the files of its own.
TEST(Evaluator, RowsDoNotDependOnTheCosts) {
  const auto serial = evaluate_serially(Cubes());
  for (const int size : {1, 2, 3}) {
    std::vector<Bits> bits(static_cast<size_t>(size));
    run_ranks(size, [&](const Communicator& comm) {
      Cubes cubes;
      cubes.set_costs({9, 1, 5 + comm.rank(), 0, 20 * comm.rank()});
      bits[static_cast<size_t>(comm.rank())] =
          bits_of(evaluate(cubes, Split::kTest, moved, {}, comm));
    });
    for (const Bits& of_rank : bits) EXPECT_EQ(of_rank, bits_of(serial)) << size << " ranks";
  }
}

TEST(Evaluator, RowsDoNotDependOnTheNumberOfThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Bits one = bits_of(evaluate_serially(Cubes()));
  at::set_num_threads(2);
  const Bits two = bits_of(evaluate_serially(Cubes()));
  at::set_num_threads(before);
  EXPECT_EQ(one, two);
}

TEST(Evaluator, MeasuresInMillimetresOnRequest) {
  EXPECT_DOUBLE_EQ(evaluate_serially(Cubes(), {.unit = DistanceUnit::kMillimetre})[0].metrics.hd,
                   10);
}

TEST(Evaluator, TellsItsProgress) {
  std::vector<std::pair<int64_t, int64_t>> seen;
  evaluate_serially(
      Cubes(), {.progress = [&](int64_t done, int64_t total) { seen.emplace_back(done, total); }});
  EXPECT_EQ(seen,
            (std::vector<std::pair<int64_t, int64_t>>{{1, 5}, {2, 5}, {3, 5}, {4, 5}, {5, 5}}));
}

TEST(Evaluator, MeansLeaveOutWhatHasNoValueAndCountIt) {
  std::vector<EvaluationRow> rows(4);
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = {.label = static_cast<int64_t>(i % 2) + 1, .class_name = i % 2 ? "b" : "a"};
  const double nan = std::nan("");
  using Values = MetricValues<double>;
  rows[0].metrics = {Values{.dice = 0.5, .jaccard = 0.4, .hd95 = 4, .asd = 2}, 5, 5, 0};
  rows[1].metrics = {Values{.hd = nan, .hd95 = nan, .asd = nan, .assd = nan}, 0, 5, 0};
  rows[2].metrics = {Values{.dice = 0.7, .jaccard = 0.6, .hd95 = 6, .asd = 1}, 5, 5, 0};
  rows[3].metrics = {
      Values{.dice = 1, .jaccard = 1, .hd = nan, .hd95 = nan, .asd = nan, .assd = nan}, 0, 0, 0};
  const EvaluationSummary s = summarise(rows);
  EXPECT_EQ(s.cases, 2);
  EXPECT_EQ(s.class_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_DOUBLE_EQ(s.overall.dice.mean, 2.2 / 4);
  EXPECT_EQ(s.overall.dice.count, 4);
  EXPECT_DOUBLE_EQ(s.overall.hd95.mean, 5);
  EXPECT_EQ(s.overall.hd95.count, 2);
  EXPECT_EQ(s.overall.missed, 1);
  EXPECT_EQ(s.overall.both_empty, 1);
  EXPECT_EQ(s.overall.false_positive, 0);
  EXPECT_DOUBLE_EQ(s.classes[0].asd.mean, 1.5);
  EXPECT_TRUE(std::isnan(s.classes[1].asd.mean));
  EXPECT_EQ(s.classes[1].asd.count, 0);
}

ErrorKind kind_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind::kStopped;
}

TEST(Evaluator, NamesWhatItCannotEvaluate) {
  Cubes cubes;
  EXPECT_EQ(kind_of([&] { evaluate_serially(cubes, {.definition = "unknown"}); }),
            ErrorKind::kConfig);
  EXPECT_EQ(kind_of([&] { evaluate(cubes, Split::kVal, moved, {}, *make_serial_communicator()); }),
            ErrorKind::kConfig);
  cubes.has_spacing = false;
  EXPECT_EQ(kind_of([&] { evaluate_serially(cubes, {.unit = DistanceUnit::kMillimetre}); }),
            ErrorKind::kData);
  cubes.has_labels = false;
  EXPECT_EQ(kind_of([&] { evaluate_serially(cubes); }), ErrorKind::kData);
}

}  // namespace
}  // namespace semiseg
