// SPDX-License-Identifier: Apache-2.0
// Every recorded case of kind `metric`: medpy, MONAI, surface-distance, and the wrappers of the
// repositories.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "framework/eval/class_surfaces.h"
#include "framework/eval/metrics.h"
#include "tests/parity.h"

namespace semiseg {
namespace {

double value_of(const ClassMetrics& m, const std::string& name, int64_t voxels) {
  if (name == "dice") return m.dice;
  if (name == "jaccard") return m.jaccard;
  if (name == "hd") return m.hd;
  if (name == "hd95") return m.hd95;
  if (name == "asd") return m.asd;
  if (name == "assd") return m.assd;
  if (name == "surface_dice" || name == "surface_dice_1") return m.surface_dice;
  if (name == "ravd") return m.volume_error;
  if (name == "ravd_absolute") return std::abs(m.volume_error);
  if (name == "precision") return m.precision();
  if (name == "recall") return m.recall();
  EXPECT_EQ(name, "specificity");
  return m.specificity(voxels);
}

MetricOptions options_of(const ParityCase& c, EmptyPolicy empty) {
  return {.empty = empty,
          .spacing = c.options.value("spacing", std::vector<double>()),
          .connectivity = c.options.value("connectivity", 1),
          .definition = metric_definition(c.options.value("definition", "medpy")),
          .tolerance = c.options.value("tolerance", 1.0)};
}

// One value for each class of a case.
at::Tensor measured(const ParityCase& c, const std::string& name, const MetricOptions& options) {
  const at::Tensor prediction = c.tensor("in.prediction");
  std::vector<double> values;
  for (const auto& m :
       compute_metrics(prediction, c.tensor("in.truth"), c.options["classes"], options)) {
    values.push_back(value_of(m, name, prediction.numel()));
  }
  return at::tensor(values, at::kDouble);
}

void check_options(const ParityCase& c) {
  const std::set<std::string> understood = {"definition", "classes",   "spacing",  "connectivity",
                                            "raises",     "tolerance", "directed", "ignore_empty"};
  for (const auto& [option, value] : c.options.items()) {
    EXPECT_TRUE(understood.contains(option)) << c.file << ": " << option;
  }
}

struct Group {
  const char* metric;
  const char* definition;
  size_t cases;
};

class RecordedMetric : public testing::TestWithParam<Group> {};

TEST_P(RecordedMetric, AgreesWithEveryCase) {
  const auto& [metric, definition, count] = GetParam();
  const std::string name = metric;
  const auto cases = load_cases("metric", name + "-" + definition + "-");
  EXPECT_EQ(cases.size(), count);
  for (const ParityCase& c : cases) {
    check_options(c);
    if (c.options.contains("directed")) continue;  // a test below
    const bool as_excluded = !c.options.value("ignore_empty", true);
    const at::Tensor values = measured(
        c, name, options_of(c, as_excluded ? EmptyPolicy::kExclude : EmptyPolicy::kDefinition));
    if (c.has("out." + name)) {
      EXPECT_TRUE(compare(c, "out." + name, values)) << c.file;
    } else {
      EXPECT_TRUE(values.isnan().all().item<bool>()) << c.file << ": the reference raises";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , RecordedMetric,
    testing::Values(Group{"dice", "medpy", 13}, Group{"jaccard", "medpy", 13},
                    Group{"hd", "medpy", 20}, Group{"hd95", "medpy", 24}, Group{"asd", "medpy", 20},
                    Group{"assd", "medpy", 20}, Group{"ravd", "medpy", 13},
                    Group{"precision", "medpy", 5}, Group{"recall", "medpy", 5},
                    Group{"specificity", "medpy", 5}, Group{"dice", "monai", 4},
                    Group{"hd", "monai", 2}, Group{"hd95", "monai", 14}, Group{"asd", "monai", 2},
                    Group{"assd", "monai", 2}, Group{"surface_dice", "monai", 4},
                    Group{"hd95", "surface-distance", 5},
                    Group{"surface_dice", "surface-distance", 10}),
    [](const auto& tested) {
      std::string name = std::string(tested.param.metric) + "_" + tested.param.definition;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(RecordedMetrics, DirectedHausdorffDistancesAreMonais) {
  const auto cases = load_cases("metric", "hd-monai-");
  for (const ParityCase& c : cases) {
    ASSERT_TRUE(c.options["directed"]) << c.file;
    const SurfaceOptions options{.spacing = c.options["spacing"]};
    const auto there =
        compare_surfaces(c.tensor("in.prediction"), c.tensor("in.truth"), 2, options)[0].there;
    const double largest = *std::max_element(there.distances.begin(), there.distances.end());
    EXPECT_TRUE(compare(c, "out.hd", at::tensor({largest}, at::kDouble))) << c.file;
  }
}

// medpy means to return 1 (it guards against a ZeroDivisionError, and its jc does return 1), but a
// division of NumPy's integers gives NaN instead. Only the policy `definition` follows it there.
TEST(RecordedMetrics, DiceOfTwoEmptyMapsIsOneWhereMedpyGivesNaN) {
  const ParityCase c = load_case("metric/dice-medpy-both_empty.safetensors");
  EXPECT_TRUE(c.tensor("out.dice").isnan().all().item<bool>());
  EXPECT_EQ(measured(c, "dice", options_of(c, EmptyPolicy::kExclude)).item<double>(), 1);
}

// What is excluded is what the packages raise or give NaN for, in every case of a distance.
TEST(RecordedMetrics, ExcludingAgreesWithMedpyWhereItReturns) {
  for (const char* name : {"hd", "hd95", "asd", "assd", "jaccard", "ravd"}) {
    for (const ParityCase& c : load_cases("metric", name + std::string("-medpy-"))) {
      const at::Tensor values = measured(c, name, options_of(c, EmptyPolicy::kExclude));
      if (c.has("out." + std::string(name))) {
        EXPECT_TRUE(compare(c, "out." + std::string(name), values)) << c.file;
      } else {
        EXPECT_TRUE(values.isnan().all().item<bool>()) << c.file;
      }
    }
  }
}

// MagicNet's surface Dice is surface-distance's, everything else medpy's.
at::Tensor column_of(const ParityCase& c, const std::string& name, EmptyPolicy empty) {
  MetricOptions options = options_of(c, empty);
  if (name == "surface_dice_1") options.definition = MetricDefinition::kSurfaceDistance;
  return measured(c, name, options);
}

// What the wrappers of the repositories return, where they return anything. SSL4MIS's 3-D test has
// no guard: it raises with medpy, as excluding leaves out.
TEST(RecordedConvention, PoliciesAreThoseOfTheRepositories) {
  const auto cases = load_cases("metric", "reference_convention-");
  EXPECT_EQ(cases.size(), 12);
  for (const ParityCase& c : cases) {
    std::vector<at::Tensor> columns;
    const bool raises = c.options.contains("raises");
    for (const std::string name : c.options["order"]) {
      if (raises && (name == "dice" || name == "ravd_absolute")) continue;
      columns.push_back(
          column_of(c, name, raises ? EmptyPolicy::kExclude : EmptyPolicy::kReference));
    }
    const at::Tensor values = at::stack(columns, 1);
    if (raises) {
      EXPECT_TRUE(values.isnan().all().item<bool>()) << c.file;
    } else {
      EXPECT_TRUE(compare(c, "out.values", values)) << c.file;
    }
  }
}

}  // namespace
}  // namespace semiseg
