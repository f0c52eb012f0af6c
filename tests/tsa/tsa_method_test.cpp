// SPDX-License-Identifier: Apache-2.0
// The whole method on several ranks, with every way in which its memory is kept in step.
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "framework/data/batch_plan.h"
#include "launch/conformance/method_case.h"
#include "tests/tsa/tsa_ranks.h"

namespace semiseg {
namespace {

MethodSetup setup_with(const std::string& options) {
  return {.name = "transmedseg",
          .options = "lambda = \"constant\"\nlambda0 = 2.0\nn_min = 1\n" + options,
          .backbone = "name = \"unet\"\nfilters = [4, 8, 8, 8, 8]",
          .classes = 3,
          .batch = 12,
          .labelled = 6,
          .iterations = 40,
          .seed = 5};
}

// Slots of one rank.
std::vector<int64_t> slots_of(const Stage& stage, const Communicator& comm) {
  return share(stage.streams, stage.colocated, comm.rank(), comm.size());
}

struct Training {
  std::vector<std::pair<std::string, double>> records;
  StateMap state;
};

// Steps first … end - 1 of self-training, from a state where one is given.
Training train(const MethodSetup& setup, const Communicator& comm, int64_t first, int64_t end,
               const StateMap& from = {}) {
  MethodUnderTest method(setup, comm);
  const int64_t last = std::ssize(method->plan().stages) - 1;
  const Stage stage = method->plan().stages.back();
  const Stateful visit = [&](StateVisitor& visitor) { method->state(visitor); };
  if (from.empty()) {
    method->begin_stage(last);
  } else {
    put_state(visit, from);
  }
  Training result;
  for (int64_t i = first; i < end; ++i) {
    const Batch batch = share_of(random_batch(setup, stage, i), slots_of(stage, comm));
    for (auto& record : method.step(batch, last, i, Draws(setup.seed).at(last, i)))
      result.records.push_back(std::move(record));
  }
  for (auto& number : method->diagnostics()) result.records.push_back(std::move(number));
  method->settle(comm);
  result.state = take_state(visit);
  return result;
}

void expect_close(const Training& found, const Training& expected) {
  ASSERT_EQ(found.records.size(), expected.records.size());
  for (size_t i = 0; i < expected.records.size(); ++i) {
    const auto& [name, value] = expected.records[i];
    EXPECT_EQ(found.records[i].first, name);
    EXPECT_NEAR(found.records[i].second, value, 1e-10 * std::max(1e-3, std::abs(value))) << name;
  }
  for (const auto& [name, value] : expected.state) {
    if (name.starts_with("tsa/window/")) continue;
    if (const auto* tensor = std::get_if<at::Tensor>(&value)) {
      EXPECT_TRUE(at::allclose(std::get<at::Tensor>(found.state.at(name)), *tensor, 1e-9, 1e-10))
          << name;
    }
  }
}

struct Way {
  const char* name;
  const char* options;
};

class EveryWay : public testing::TestWithParam<Way> {};

TEST_P(EveryWay, TrainsOnTwoAndThreeRanksAsOnOneAndGoesOnFromOnTheOthersState) {
  const MethodSetup setup = setup_with(GetParam().options);
  const auto run = [&](int ranks, int64_t first, int64_t end, const StateMap& from = {}) {
    return on_ranks(ranks,
                    [&](const Communicator& comm) { return train(setup, comm, first, end, from); });
  };
  const Training whole = run(1, 0, 3)[0];
  for (const int ranks : {2, 3}) {
    const std::vector<Training> found = run(ranks, 0, 3);
    expect_close(found[0], whole);
    for (const Training& rank : found) expect_equal_states(rank.state, found[0].state);
  }
  const Training expected = run(3, 3, 4, whole.state)[0];
  expect_close(run(2, 3, 4, run(3, 0, 3)[0].state)[0], expected);
}

INSTANTIATE_TEST_SUITE_P(
    TransMedSeg, EveryWay,
    testing::Values(
        Way{"Ordered", "sum_order = \"ordered\""}, Way{"PerSample", "sum_order = \"per_sample\""},
        Way{"Lagged", "sync = \"lagged\"\nchecksum_every = 2"},
        Way{"LaggedPerSample", "sync = \"lagged\"\nsum_order = \"per_sample\""},
        Way{"EverySecondStep", "every = 2"},
        Way{"EverySecondStepPerSample", "every = 2\nsum_order = \"per_sample\""},
        Way{"AllStreamsPerSample",
            "sum_order = \"per_sample\"\ndirections = [\"s2t\", \"u2s\"]\nstats_net = \"teacher\""},
        Way{"OtherBasePerSample",
            "base = \"mean_teacher\"\nsum_order = \"per_sample\"\ndirections = [\"s2t\", \"u2s\"]"},
        Way{"Domains", "domain_statistics = true\ndirections = [\"s2t\", \"d2d\"]"},
        Way{"DomainsPerSample",
            "domain_statistics = true\ndirections = [\"d2d\", \"u2s\"]\nevery = 2\n"
            "sum_order = \"per_sample\""},
        Way{"ExactHeadPerSample", "head_mode = \"im2col\"\nsum_order = \"per_sample\""}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace semiseg
