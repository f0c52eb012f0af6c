// SPDX-License-Identifier: Apache-2.0
// Whole cases: slice-wise inference, and the evaluator over ranks.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <functional>

#include "framework/core/error.h"
#include "framework/eval/evaluator.h"
#include "framework/eval/slice_wise.h"
#include "tests/label_box.h"
#include "tests/parity.h"
#include "tests/thread_communicator.h"

namespace semiseg {
namespace {

TEST(SliceWise, AgreesWithTheReference) {
  const auto cases = load_cases("inference", "slice_wise-");
  EXPECT_EQ(cases.size(), 2);
  for (const ParityCase& c : cases) {
    const NamedTensor weight{"conv.weight", at::zeros({4, 1, 3, 3})},
        bias{"conv.bias", at::zeros({4})};
    fill_parameters({weight, bias}, c.options["seed"], "student");
    const SlicePredictor network = [&](const at::Tensor& image) {
      return 4 * at::conv2d(image, weight.value, bias.value, {1, 1}, {1, 1});
    };
    const auto size = c.options["network_size"].get<std::array<int64_t, 2>>();
    for (const int64_t batch : {1, 2, 8}) {
      const at::Tensor labels =
          segment_slice_wise(c.tensor("in.image").unsqueeze(0), network, {size, batch});
      EXPECT_TRUE(compare(c, "out.labels", labels)) << c.file << ", batch " << batch;
    }
  }
}

TEST(SliceWise, ShowsTheNetworkEverySliceOnceInBatches) {
  std::vector<int64_t> batches;
  const SlicePredictor network = [&](const at::Tensor& image) {
    EXPECT_EQ(image.sizes().slice(1), (std::vector<int64_t>{2, 8, 6}));
    batches.push_back(image.size(0));
    const at::Tensor first = image.select(1, 0);
    return at::stack({-first, first}, 1);
  };
  const at::Tensor depth = at::arange(5, at::kFloat).sub(2).view({1, 5, 1, 1}).expand({2, 5, 8, 6});
  const at::Tensor labels = segment_slice_wise(depth, network, {{8, 6}, 2});
  EXPECT_EQ(batches, (std::vector<int64_t>{2, 2, 1}));
  EXPECT_EQ(labels.scalar_type(), at::kByte);
  EXPECT_TRUE(at::equal(labels, depth[0].gt(0).to(at::kByte)));  // 0 is a tie: the first class
}

// 224 → 147 is one of the pairs where SciPy's zoom fills the last position with 0.
TEST(SliceWise, LosesTheLastRowOnlyWhereTheReferenceDoes) {
  const SlicePredictor ones = [](const at::Tensor& image) {
    return at::cat({0 * image, 0 * image + 1}, 1);
  };
  const at::Tensor image = at::zeros({1, 1, 147, 147});
  EXPECT_EQ(segment_slice_wise(image, ones, {.patch_size = {224, 224}}).sum().item<int64_t>(),
            147 * 147);
  const SliceWiseOptions reference{.patch_size = {224, 224}, .edge = ZoomEdge::kReference};
  EXPECT_EQ(segment_slice_wise(image, ones, reference).sum().item<int64_t>(), 146 * 146);
}

// Five test cases of 6³ with classes "a" and "b": a cube each, at a place that depends on the case.
// Case 3 lacks "b".
class Cubes : public DatasetSource {
 public:
  Cubes() {
    info_.name = "cubes";
    info_.classes = {"background", "a", "b"};
    for (int i = 0; i < 6; ++i) {
      const Split split = i == 0 ? Split::kTrain : Split::kTest;
      cases_.push_back({"case" + std::to_string(i), "patient" + std::to_string(i),
                        i < 3 ? "north" : "south", split});
    }
  }
  const DatasetInfo& info() const override { return info_; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  Volume load(size_t i) const override {
    const auto at = static_cast<int64_t>(i % 3);
    at::Tensor label = box({6, 6, 6}, {at, 0, 0}, {at + 2, 2, 2}, 1);
    if (i != 3) label = label + box({6, 6, 6}, {at, 3, 3}, {at + 2, 5, 6}, 2);
    Volume volume{.image = label.to(at::kFloat).unsqueeze(0), .spacing_mm = {10, 1, 1}};
    if (has_labels) volume.label = label;
    volume.has_spacing = has_spacing;
    return volume;
  }
  std::vector<SampleInfo> training_samples(int) const override { return {}; }
  Sample load_sample(const SampleInfo&) const override { return {}; }

  bool has_labels = true, has_spacing = true;

 private:
  DatasetInfo info_;
  std::vector<CaseInfo> cases_;
};

// The labels moved on by one slice: cyclic, so that some cubes fall apart.
at::Tensor moved(const Volume& volume) { return volume.image[0].roll({1}, {0}).to(at::kByte); }

using Bits = std::vector<uint64_t>;
Bits bits_of(const std::vector<EvaluationRow>& rows) {
  Bits bits;
  for (const EvaluationRow& row : rows) {
    const ClassMetrics& m = row.metrics;
    for (const double v :
         {m.dice, m.jaccard, m.hd, m.hd95, m.asd, m.assd, m.surface_dice, m.volume_error})
      bits.push_back(std::bit_cast<uint64_t>(v));
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
  rows[0].metrics = {.prediction_voxels = 5,
                     .reference_voxels = 5,
                     .dice = 0.5,
                     .jaccard = 0.4,
                     .hd95 = 4,
                     .asd = 2};
  rows[1].metrics = {.prediction_voxels = 0,
                     .reference_voxels = 5,
                     .hd = nan,
                     .hd95 = nan,
                     .asd = nan,
                     .assd = nan};
  rows[2].metrics = {.prediction_voxels = 5,
                     .reference_voxels = 5,
                     .dice = 0.7,
                     .jaccard = 0.6,
                     .hd95 = 6,
                     .asd = 1};
  rows[3].metrics = {.dice = 1, .jaccard = 1, .hd = nan, .hd95 = nan, .asd = nan, .assd = nan};
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
