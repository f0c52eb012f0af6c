// SPDX-License-Identifier: Apache-2.0
// Tests what the options of methods change; parity_cases_test compares with the references'
// scripts.
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/core/error.h"
#include "framework/methods/parts/networks/teacher_student.h"
#include "launch/conformance/method_case.h"
#include "launch/parity/parity_case.h"
#include "tests/support/expect_error.h"
#include "tests/support/state_equality.h"

namespace semiseg {
namespace {

// Small networks, self-training of a teacher–student method.
MethodSetup small(const std::string& name, const std::string& options) {
  return {.name = name,
          .options = options,
          .backbone = "name = \"unet\"\nfilters = [4, 8, 8, 8, 8]",
          .classes = 3,
          .batch = 8,
          .labelled = 4,
          .iterations = 40,
          .seed = 5};
}

MethodSetup small_3d(const std::string& name, const std::string& options,
                     const std::string& head = "conv1x1") {
  MethodSetup setup = small_setup(name, /*axes=*/3);
  setup.options = options;
  setup.backbone += "\nhead = \"" + head + "\"";
  return setup;
}

// Three steps of the last stage; all records.
std::vector<std::pair<std::string, double>> self_train(MethodUnderTest& method,
                                                       const MethodSetup& setup) {
  std::vector<std::pair<std::string, double>> all;
  const Plan plan = method->plan();
  const int64_t last = std::ssize(plan.stages) - 1;
  method->begin_stage(last);
  for (int64_t i = 0; i < 3; ++i) {
    const Stage& stage = plan.stages.back();
    const Batch batch = random_batch(setup, stage, i);
    for (auto& record : method.step(batch, last, i, Draws(setup.seed).at(last, i)))
      all.push_back(std::move(record));
  }
  return all;
}

StateMap without_memory(MethodUnderTest& method) {
  StateMap state = take_state([&](StateVisitor& visitor) { method->state(visitor); });
  std::erase_if(state, [](const auto& entry) { return entry.first.starts_with("tsa/"); });
  return state;
}

// Oracle 20 of the specification, for a whole training step of each base.
class EveryBase : public testing::TestWithParam<std::string> {};

TEST_P(EveryBase, TsaOfStrengthZeroInPlaceOfTheCrossEntropyIsTheBaseBitForBit) {
  const auto comm = make_serial_communicator();
  const MethodSetup base = small(GetParam(), "");
  const MethodSetup tsa =
      small("transmedseg", "base = \"" + GetParam() + "\"\nmode = \"replace\"\nlambda0 = 0.0");
  MethodUnderTest plain(base, *comm), replaced(tsa, *comm);
  self_train(plain, base);
  self_train(replaced, tsa);
  expect_equal_states(without_memory(plain), without_memory(replaced));
}

TEST_P(EveryBase, TsaChangesTheTrainingOnceItIsStrong) {
  const auto comm = make_serial_communicator();
  const MethodSetup base = small(GetParam(), "");
  const std::string options =
      "\"\nmode = \"replace\"\nlambda0 = 50.0\nlambda = \"constant\"\nn_min = 1";
  const MethodSetup tsa = small("transmedseg", "base = \"" + GetParam() + options);
  MethodUnderTest plain(base, *comm), replaced(tsa, *comm);
  self_train(plain, base);
  self_train(replaced, tsa);
  const at::Tensor probe = random_images(base, 1, 99);
  EXPECT_FALSE(at::equal(plain->predictor().predict(probe), replaced->predictor().predict(probe)));
}

INSTANTIATE_TEST_SUITE_P(TeacherStudent, EveryBase,
                         testing::ValuesIn(TeacherStudentRegistry::instance().names()),
                         [](const auto& info) { return info.param; });

struct Switch {
  const char* name;
  const char* options;
  const char* record;  // must be among the records
};

class EverySwitch : public testing::TestWithParam<Switch> {};

TEST_P(EverySwitch, TrainsWithFiniteLossesAndTakesEffect) {
  const auto comm = make_serial_communicator();
  const std::string strong = "lambda = \"constant\"\nlambda0 = 2.0\n";
  MethodSetup changed = small("transmedseg", strong + GetParam().options);
  if (changed.options.find("n_min") == std::string::npos) changed.options += "\nn_min = 1";
  const MethodSetup standard = small("transmedseg", strong + "n_min = 1");
  MethodUnderTest one(changed, *comm), other(standard, *comm);
  bool found = false;
  for (const auto& [name, value] : self_train(one, changed)) {
    EXPECT_TRUE(std::isfinite(value)) << name;
    found = found || name == GetParam().record;
  }
  EXPECT_TRUE(found) << GetParam().record;
  self_train(other, standard);
  const at::Tensor probe = random_images(standard, 1, 99);
  EXPECT_FALSE(at::equal(one->predictor().predict(probe), other->predictor().predict(probe)));
}

INSTANTIATE_TEST_SUITE_P(
    TransMedSeg, EverySwitch,
    testing::Values(Switch{"Beta", "beta = 3.0", "loss.tsa"},
                    Switch{"MeanOnly", "aug = \"mean_only\"", "loss.tsa"},
                    Switch{"CovarianceOnly", "aug = \"cov_only\"", "loss.tsa"},
                    Switch{"AugmentationOff", "aug = \"off\"", "loss.tsa"},
                    Switch{"DiagonalCovariance", "cov = \"diag\"", "loss.tsa"},
                    Switch{"IsotropicCovariance", "cov = \"isotropic\"", "loss.tsa"},
                    Switch{"CumulativeMemory", "memory = \"cumulative\"", "loss.tsa"},
                    Switch{"BatchOnlyMemory", "memory = \"batch_only\"", "loss.tsa"},
                    Switch{"FrozenMemory", "memory = \"frozen_after\"\nfrozen_after = 1",
                           "loss.tsa"},
                    Switch{"Lagged", "sync = \"lagged\"", "loss.tsa"},
                    Switch{"EverySecondStep", "every = 2", "loss.tsa"},
                    Switch{"TableWithoutGradient", "table_grad = \"off\"", "loss.tsa"},
                    Switch{"HighGate", "n_min = 1000000", "loss.tsa"},
                    Switch{"Replace", "mode = \"replace\"", "loss.total"},
                    Switch{"TeacherToStudent", "directions = [\"t2s\"]", "loss.tsa_t2s"},
                    Switch{"UnlabelledToStudent", "directions = [\"u2s\"]", "loss.tsa_u2s"},
                    Switch{"BothPixels", "directions = [\"s2t\", \"u2s\"]", "loss.tsa_u2s"},
                    Switch{"BetweenDomains", "directions = [\"d2d\"]\ndomain_statistics = true",
                           "loss.tsa_d2d"},
                    Switch{"LogitSpace", "space = \"logit\"", "loss.tsa"},
                    Switch{"ExactHead", "head_mode = \"im2col\"", "loss.tsa"},
                    Switch{"TeacherMeasures", "stats_net = \"teacher\"", "loss.tsa"},
                    Switch{"OnlyConfidentPixels", "confidence = 0.5", "loss.tsa"},
                    Switch{"OtherBase", "base = \"mean_teacher\"", "loss.consistency"}),
    [](const auto& info) { return std::string(info.param.name); });

class EveryHeadOfVolumes : public testing::TestWithParam<std::string> {};

TEST_P(EveryHeadOfVolumes, TsaOfStrengthZeroIsTheBaseBitForBitAndAStrongOneIsNot) {
  const auto comm = make_serial_communicator();
  const MethodSetup base = small_3d("bcp", "", GetParam());
  MethodUnderTest plain(base, *comm);
  self_train(plain, base);
  const at::Tensor probe = random_images(base, 1, 99);
  for (const char* mode : {"tap_sum", "im2col"}) {
    const std::string options = std::string("mode = \"replace\"\nn_min = 1\nhead_mode = \"") + mode;
    const MethodSetup off = small_3d("transmedseg", options + "\"\nlambda0 = 0.0", GetParam());
    const MethodSetup on =
        small_3d("transmedseg", options + "\"\nlambda0 = 50.0\nlambda = \"constant\"", GetParam());
    MethodUnderTest weak(off, *comm), strong(on, *comm);
    self_train(weak, off);
    expect_equal_states(without_memory(plain), without_memory(weak));
    for (const auto& [name, value] : self_train(strong, on)) {
      EXPECT_TRUE(std::isfinite(value)) << name;
    }
    EXPECT_FALSE(at::equal(plain->predictor().predict(probe), strong->predictor().predict(probe)));
  }
}

INSTANTIATE_TEST_SUITE_P(TransMedSeg, EveryHeadOfVolumes, testing::Values("conv1x1", "conv3x3"),
                         [](const auto& info) { return info.param; });

// The 3-D defaults are the reference's: parameters only, each sample's Dice, and so on.
class VolumeSwitch : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(VolumeSwitch, ChangesWhatTheDefaultComputes) {
  const auto comm = make_serial_communicator();
  const MethodSetup standard = small_3d(GetParam().first, ""),
                    changed = small_3d(GetParam().first, GetParam().second);
  MethodUnderTest one(standard, *comm), other(changed, *comm);
  self_train(one, standard);
  self_train(other, changed);
  const auto state = [](MethodUnderTest& method) {
    return take_state([&](StateVisitor& visitor) { method->state(visitor); });
  };
  const StateMap a = state(one), b = state(other);
  bool differs = false;
  for (const auto& [name, value] : a) {
    if (const auto* tensor = std::get_if<at::Tensor>(&value))
      differs = differs || !at::equal(*tensor, std::get<at::Tensor>(b.at(name)));
  }
  EXPECT_TRUE(differs);
}

INSTANTIATE_TEST_SUITE_P(Methods, VolumeSwitch,
                         testing::Values(std::pair{"bcp", "outside_first = \"unlabelled\""},
                                         std::pair{"bcp", "mix_dice = \"batch\""},
                                         std::pair{"bcp", "pairing = \"crossed\""},
                                         std::pair{"bcp", "ema_buffers = \"average\""},
                                         std::pair{"bcp", "connectivity = 1"},
                                         std::pair{"bcp", "box = 0.5"},
                                         std::pair{"mean_teacher", "consistency_start = 0.5"}));

double record(const std::vector<std::pair<std::string, double>>& records, const std::string& name) {
  for (const auto& [key, value] : records) {
    if (key == name) return value;
  }
  return NAN;
}

class EveryConsistencyStart : public testing::TestWithParam<std::string> {};

TEST_P(EveryConsistencyStart, LeavesTheTermOutBeforeItAndChangesNothingAtZero) {
  const auto comm = make_serial_communicator();
  // self_train runs iterations 0, 1 and 2 of 40.
  const auto trained = [&](const std::string& options) {
    const MethodSetup setup = small(GetParam(), options);
    MethodUnderTest method(setup, *comm);
    const auto records = self_train(method, setup);
    return std::pair{records, take_state([&](StateVisitor& visitor) { method->state(visitor); })};
  };
  const auto weights = [](const std::vector<std::pair<std::string, double>>& records) {
    std::vector<double> found;
    for (const auto& [name, value] : records) {
      if (name == "consistency_weight") found.push_back(value);
    }
    return found;
  };
  const std::string loud = "consistency_weight = 50.0\nconsistency_rampup = 0.0\n";
  const auto [late, late_state] = trained(loud + "consistency_start = 0.05");
  EXPECT_EQ(weights(late), (std::vector<double>{0, 0, 50}));
  const auto [never, never_state] = trained(loud + "consistency_start = 1.0");
  EXPECT_EQ(weights(never), (std::vector<double>{0, 0, 0}));
  expect_equal_states(never_state, trained("consistency_weight = 0.0").second);
  const auto [always, always_state] = trained(loud + "consistency_start = 0.0");
  EXPECT_EQ(weights(always), (std::vector<double>{50, 50, 50}));
  EXPECT_NE(never, always);
}

INSTANTIATE_TEST_SUITE_P(Methods, EveryConsistencyStart, testing::Values("cps", "dan"),
                         [](const auto& info) { return info.param; });

// The reference's loss of volumes: of halves with equal images, that of the supervised method.
TEST(Bcp, OfVolumesPreTrainsOnTheMixedLabelAsAWhole) {
  const auto comm = make_serial_communicator();
  MethodSetup mixed = small_3d("bcp", "pretrain = 0.5"), plain = small_3d("supervised", "");
  mixed.backbone += "\ndropout = 0.0";
  plain.backbone += "\ndropout = 0.0";
  plain.labelled = plain.batch = 2;
  MethodUnderTest bcp(mixed, *comm), supervised(plain, *comm);
  fill_parameters(bcp.tensors("student"), "equal", "student", at::kDouble);
  fill_parameters(supervised.tensors("student"), "equal", "student", at::kDouble);
  const Batch half = random_batch(plain, supervised->plan().stages[0], 0);
  const Stream& one = half["labelled"];
  Batch twice;
  twice.add_stream("labelled", {0, 1, 2, 3}).label = at::cat({one.label, one.label});
  twice.add_view(kWeakView, at::cat({one.image(), one.image()}));
  const Draws draws = Draws(1).at(0, 0);
  const double ce = record(supervised.step(half, 0, 0, draws), "loss.supervised_ce");
  EXPECT_NEAR(record(bcp.step(twice, 0, 0, draws), "loss.mix_ce"), ce, 1e-10);
  mixed.options += "\nmix_dice = \"batch\"";
  MethodUnderTest slices(mixed, *comm);
  fill_parameters(slices.tensors("student"), "equal", "student", at::kDouble);
  EXPECT_GT(record(slices.step(twice, 0, 0, draws), "loss.mix_ce"), 1.5 * ce);
}

TEST(LabelledDice, OfOneForegroundIsRefusedForThreeClasses) {
  const auto comm = make_serial_communicator();
  for (const char* name : {"supervised", "mean_teacher"}) {
    MethodSetup setup = small_3d(name, "dice = \"dice_sq_fg\"");
    EXPECT_THROW(MethodUnderTest(setup, *comm), Error);
    setup.classes = 2;
    MethodUnderTest foreground(setup, *comm);
    setup.options = "";
    MethodUnderTest all(setup, *comm);
    EXPECT_NE(self_train(foreground, setup), self_train(all, setup)) << name;
  }
}

TEST(TransMedSeg, AOneTapHeadIsDemandedWhereItWasPromised) {
  const auto comm = make_serial_communicator();
  EXPECT_THROW(MethodUnderTest(small("transmedseg", "head_mode = \"conv1x1\""), *comm), Error);
  MethodSetup setup = small("transmedseg", "head_mode = \"conv1x1\"");
  setup.backbone += "\nhead = \"conv1x1\"";
  MethodUnderTest method(setup, *comm);
  EXPECT_FALSE(self_train(method, setup).empty());
}

TEST(Methods, ABatchWithoutPlacesForUnlabelledImagesIsRefused) {
  const auto comm = make_serial_communicator();
  for (const char* name : {"mean_teacher", "cps"}) {
    MethodSetup setup{.name = name, .batch = 4, .labelled = 4};
    expect_error(ErrorKind::kConfig, {"unlabelled", "protocol.labelled_batch"},
                 [&] { MethodUnderTest(setup, *comm); });
  }
}

}  // namespace
}  // namespace semiseg
