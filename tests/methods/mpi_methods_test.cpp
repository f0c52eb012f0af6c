// SPDX-License-Identifier: Apache-2.0
// Every registered method at 1, 2, 3 and 4 ranks with uneven shares is the same experiment as
// alone: 20 steps on seeded batches (3-D: 4), compared with a run of the whole batch on rank 0.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <set>

#include "framework/comm/broadcast.h"
#include "framework/core/error.h"
#include "framework/data/batch_plan.h"
#include "launch/conformance/method_case.h"
#include "tests/support/ranks.h"
#include "tests/support/recording_communicator.h"
#include "tests/support/state_equality.h"

namespace semiseg {
namespace {

using Records = std::vector<std::pair<std::string, double>>;

// Methods with a stage before self-training, which is to be reached.
const std::set<std::string> kPretraining = {"bcp", "coral", "sdcl", "transmedseg"};

MethodSetup setup_for(const MethodOnImages& method, at::ScalarType dtype) {
  MethodSetup setup = method.setup();
  setup.batch = 20;
  setup.labelled = 10;
  setup.iterations = 20;
  // Networks of a method's own have norms over few voxels, which multiply roundings in every step.
  const bool has_own =
      MethodRegistry::instance().find(method.name).networks.of(method.axes) != "any";
  if (method.axes == 3 || has_own) {
    setup.iterations = 2;
    if (kPretraining.contains(method.name)) setup.options += "\npretrain = 0.5";
  }
  setup.dtype = dtype;
  return setup;
}

struct Training {
  std::vector<Records> steps;
  StateMap after_first, after_last;
  std::vector<CollectiveCall> calls;     // of this rank, in order
  std::vector<size_t> calls_until = {};  // how many of them at the end of each step
};

// All stages of the method. The slots of a rank: 10 and 10, 6 and 7, or groups of 4 (5 of them).
Training train(const MethodSetup& setup, const Communicator& ranks_of_training) {
  const RecordingCommunicator comm(ranks_of_training);
  MethodUnderTest method(setup, comm);
  const auto state = [&] { return take_state([&](StateVisitor& v) { method->state(v); }); };
  Training result;
  const Plan plan = method->plan();
  for (int64_t stage = 0; stage < std::ssize(plan.stages); ++stage) {
    method->begin_stage(stage);
    const Stage& s = plan.stages[static_cast<size_t>(stage)];
    const auto slots = share(s.streams, s.colocated, comm.rank(), comm.size());
    for (int64_t i = 0; i < s.iterations; ++i) {
      const Batch whole = random_batch(setup, s, 100 * stage + i);
      result.steps.push_back(method.step(share_of(whole, slots), stage, i,
                                         Draws(setup.seed).at(stage, i), s.iterations));
      result.calls_until.push_back(comm.calls().size());
      if (result.steps.size() == 1) result.after_first = state();
    }
  }
  result.after_last = state();
  result.calls = comm.calls();
  return result;
}

// Relative.
struct Tolerance {
  double first_loss = 0, first_gradient = 0, losses = 0;
};

void expect_close(const Records& actual, const Records& expected, const Tolerance& tolerance,
                  int64_t step) {
  const std::string where = "step " + std::to_string(step);
  const double bound = step == 0 ? tolerance.first_loss : tolerance.losses;
  ASSERT_EQ(actual.size(), expected.size()) << where;
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(actual[i].first, expected[i].first);
    const double scale = std::max(1e-3, std::abs(expected[i].second));
    EXPECT_NEAR(actual[i].second, expected[i].second, bound * scale)
        << where << ", " << expected[i].first;
  }
}

// Momentum after the first step is the gradient (and the decayed weight).
void expect_close_gradients(const StateMap& actual, const StateMap& expected, double tolerance) {
  double largest = 0;
  for (const auto& [name, value] : expected) {
    if (name.ends_with("/momentum"))
      largest = std::max(largest, std::get<at::Tensor>(value).norm().item<double>());
  }
  for (const auto& [name, value] : expected) {
    if (!name.ends_with("/momentum")) continue;
    const double difference =
        (std::get<at::Tensor>(actual.at(name)) - std::get<at::Tensor>(value)).norm().item<double>();
    EXPECT_LE(difference, tolerance * largest) << name;
  }
}

// Networks, optimisers and memories have the same bits on all ranks.
void expect_replicated(const std::string& name, const StateValue& value) {
  const auto* tensor = std::get_if<at::Tensor>(&value);
  if (!tensor) return;
  at::Tensor first = tensor->clone();
  ranks().broadcast(first, name);
  EXPECT_TRUE(at::equal(first, *tensor)) << name << " differs from rank 0's";
}

// NCCL runs the collectives of two communicators of a device side by side when all ranks launch them
// in one order; MPI wants one order on each.
void expect_one_order(const std::vector<CollectiveCall>& calls) {
  std::string mine;
  for (const CollectiveCall& call : calls) mine += call.text() + '\n';
  const std::string first = broadcast_text(mine, ranks());
  if (mine == first) return;
  const auto [here, there] = std::mismatch(mine.begin(), mine.end(), first.begin(), first.end());
  const auto line_at = [](const std::string& text, ptrdiff_t place) {
    const size_t begin = text.rfind('\n', static_cast<size_t>(place)) + 1;
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  ADD_FAILURE() << "rank 0 calls '" << line_at(first, there - first.begin()) << "' where rank "
                << ranks().rank() << " calls '" << line_at(mine, here - mine.begin()) << "'";
}

// The collectives of a step on images beside those of gradients: a forward and a backward of the
// U-Net have one for each of its 18 batch norms, and sums of losses some. Lower a number with the code.
const std::map<std::string, int64_t> kMostCollectives = {
    {"supervised", 38}, {"mean_teacher", 57}, {"cps", 78}, {"bcp", 116}};

// Each collective costs a latency, whatever its size. Prints the number of the step that has most.
void expect_few_collectives(const MethodSetup& setup, const Training& training) {
  int64_t most = 0;
  for (size_t step = 0, call = 0; step < training.calls_until.size(); ++step) {
    int64_t count = 0;
    for (; call < training.calls_until[step]; ++call)
      count += training.calls[call].communicator == 0;
    most = std::max(most, count);
  }
  const auto bound = kMostCollectives.find(setup.name);
  if (bound != kMostCollectives.end() && setup.patch_size.size() == 2) {
    EXPECT_LE(most, bound->second) << setup.name;
  }
  if (ranks().rank() == 0) std::cout << setup.name << ": " << most << " collectives a step\n";
}

// A method whose samples stay on fewer ranks than there are.
void expect_refused(const MethodSetup& setup) { EXPECT_THROW(train(setup, ranks()), Error); }

void expect_as_alone(MethodSetup setup, Tolerance tolerance) {
  if (ranks().size() > most_ranks(setup)) return expect_refused(setup);
  if (ranks().size() == 1) {  // the same sums in the same order: the same bits
    tolerance = {};
    setup.iterations = std::min<int64_t>(setup.iterations, 4);
  }
  const Training together = train(setup, ranks());
  expect_one_order(together.calls);
  if (setup.dtype == at::kDouble) expect_few_collectives(setup, together);
  for (const auto& [name, value] : together.after_last) expect_replicated(name, value);
  if (ranks().rank() != 0) return;
  const auto alone_comm = make_serial_communicator();
  const Training alone = train(setup, *alone_comm);
  ASSERT_EQ(std::ssize(alone.steps), setup.iterations);
  for (int64_t i = 0; i < setup.iterations; ++i) {
    expect_close(together.steps[static_cast<size_t>(i)], alone.steps[static_cast<size_t>(i)],
                 tolerance, i);
  }
  expect_close_gradients(together.after_first, alone.after_first, tolerance.first_gradient);
}

class EveryMethodOnRanks : public testing::TestWithParam<MethodOnImages> {};

TEST_P(EveryMethodOnRanks, Float64EqualsOneRank) {
  expect_as_alone(setup_for(GetParam(), at::kDouble),
                  {.first_loss = 1e-10, .first_gradient = 1e-10, .losses = 1e-10});
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryMethodOnRanks, testing::ValuesIn(methods_on_images()),
                         [](const auto& info) { return info.param.title(); });

// Counts of hard labels weigh or mask all losses of these methods, so that one label that rounding
// moves moves every loss after it: the first step is compared.
const std::set<std::string> kCountingMethods = {"ad_mt", "dhc", "sdcl"};
// These perturb features inside the network, which "smooth" cannot do.
const std::set<std::string> kPerturbingMethods = {"crossmatch", "unimatch"};

MethodSetup float32_setup(const std::string& name) {
  MethodSetup setup = setup_for({name, 2}, at::kFloat);
  if (kCountingMethods.contains(name)) setup.iterations = 1;
  return setup;
}

// Unsure predictions weigh the losses of these methods, and roundings with them.
const std::set<std::string> kSensitiveMethods = {"dhc", "entropy_minimization", "r_drop"};

// The loss of this one is the square of a difference that is small beside its covariances.
const std::set<std::string> kDifferenceMethods = {"coral"};

Tolerance rounding_of(const std::string& name) {
  const bool is_sensitive = kSensitiveMethods.contains(name);
  const bool is_difference = kDifferenceMethods.contains(name);
  return {.first_loss = 1e-5,
          .first_gradient = is_sensitive ? 3e-5 : 1e-5,
          .losses = is_difference  ? 2e-2
                    : is_sensitive ? 2e-3
                                   : 1e-3};
}

class EveryMethodInFloat32 : public testing::TestWithParam<std::string> {};

TEST_P(EveryMethodInFloat32, EqualsOneRankToRounding) {
  MethodSetup setup = float32_setup(GetParam());
  setup.backbone = "name = \"smooth\"";
  expect_as_alone(setup, rounding_of(GetParam()));
}

class EveryMethodOfTheUNetInFloat32 : public EveryMethodInFloat32 {};

// The U-Net has kinks: an activation that rounding moves across 0, another winner of a max-pool or
// of an argmax that makes a pseudo-label moves a gradient by about one pixel's share (1e-4 here).
// In these 20 steps few are met, whether oneDNN takes its kernels for AVX-512, AVX2 or SSE4.1.
TEST_P(EveryMethodOfTheUNetInFloat32, EqualsOneRankToRounding) {
  expect_as_alone(float32_setup(GetParam()), rounding_of(GetParam()));
}

// Methods of slices that take any network.
std::vector<std::string> methods_of_any_network(const std::set<std::string>& without = {}) {
  std::vector<std::string> names = MethodRegistry::instance().names();
  std::erase_if(names, [&](const std::string& name) {
    return without.contains(name) || MethodRegistry::instance().find(name).networks.slices != "any";
  });
  return names;
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryMethodOfTheUNetInFloat32,
                         testing::ValuesIn(methods_of_any_network()),
                         [](const auto& info) { return info.param; });

INSTANTIATE_TEST_SUITE_P(Registered, EveryMethodInFloat32,
                         testing::ValuesIn(methods_of_any_network(kPerturbingMethods)),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace semiseg
