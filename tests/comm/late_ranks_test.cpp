// SPDX-License-Identifier: Apache-2.0
// When a run counts as hanging, and what is said of its ranks.
#include "framework/comm/watch/late_ranks.h"

#include <gtest/gtest.h>

#include "framework/comm/watch/watchdog.h"

namespace semiseg {
namespace {

constexpr double kNow = 1000;
constexpr WatchLimits kLimits{.deadline = 60, .silence = 3};

RankPulse pulse(int rank, double seconds_ago, Activity activity, DeviceState device = {}) {
  return {.rank = rank,
          .pid = 40 + rank,
          .host = "node",
          .pulse = kNow - seconds_ago,
          .activity = std::move(activity),
          .device = std::move(device)};
}

const Activity kWaits{.step = 7,
                      .phase = "step",
                      .collective = 90,
                      .operation = "all_reduce of sum",
                      .since = kNow - 61};

Activity computes_since(double seconds_ago) {
  return {.step = 7, .phase = "step", .collective = 90, .since = kNow - seconds_ago};
}

DeviceState device_waits(int64_t launched, double seconds_ago) {
  return {
      .launched = launched,
      .completed = launched - 1,
      .operation = "all_reduce of batch_norm (device collective " + std::to_string(launched) + ")",
      .since = kNow - seconds_ago};
}

void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "no '" << part << "' in: " << text;
}

TEST(LateRanks, ASilentOneIsNamedWithItsPlaceAndWhatTheOthersWaitFor) {
  Activity stopped = kWaits;
  stopped.collective = 89;
  stopped.operation = "";
  expect_parts(
      describe_late_ranks({pulse(0, 1, kWaits), pulse(1, 61, stopped), pulse(2, 1, kWaits)}, kNow,
                          kLimits),
      {"rank 1 (pid 41 on node) has given no sign of life for 61 s",
       "computing after collective 89",
       "waiting: rank 0, 2: after step 7, step, in all_reduce of sum"});
}

TEST(LateRanks, OneThatLivesButComputesIsLateToo) {
  expect_parts(
      describe_late_ranks({pulse(0, 1, kWaits), pulse(1, 1, computes_since(75))}, kNow, kLimits),
      {"rank 1 (pid 41 on node) is alive but has not reached the collective for 75 s"});
}

TEST(LateRanks, OneThatNeverWroteGaveNoSign) {
  expect_parts(describe_late_ranks({pulse(0, 1, kWaits), {.rank = 1}}, kNow, kLimits),
               {"rank 1 has given no sign of life"});
}

TEST(LateRanks, WhenAllWaitInOneCallNoneIsBlamed) {
  expect_parts(describe_late_ranks({pulse(0, 1, kWaits), pulse(1, 1, kWaits)}, kNow, kLimits),
               {"no rank is late"});
}

// The hosts wait for the result of a kernel: only the devices' collectives tell which rank is late.
TEST(LateRanks, OnGpusTheRankThatLaunchedFewerCollectivesIsLate) {
  const std::vector<RankPulse> ranks = {
      pulse(0, 1, computes_since(70), device_waits(4711, 65)),
      pulse(1, 1, computes_since(70), {.launched = 4710, .completed = 4710}),
      pulse(2, 1, computes_since(70), device_waits(4711, 65))};
  EXPECT_TRUE(is_hang(ranks, 0, kNow, kLimits));
  expect_parts(describe_late_ranks(ranks, kNow, kLimits),
               {"rank 1 (pid 41 on node) is alive", "it has launched 4710 of 4711 collectives",
                "waiting: rank 0, 2",
                "its device in all_reduce of batch_norm (device collective 4711)", "for 65 s"});
}

TEST(LateRanks, OnesThatWaitInDifferentPlacesOfHostAndDeviceAreToldApart) {
  const std::string text =
      describe_late_ranks({pulse(0, 1, computes_since(70), device_waits(4711, 65)),
                           pulse(1, 1, kWaits, {.launched = 4710, .completed = 4710})},
                          kNow, kLimits);
  expect_parts(text, {"rank 1 (pid 41 on node) is alive", "in all_reduce of sum (collective 90)",
                      "waiting: rank 0"});
}

TEST(LateRanks, WhenAllComputeForeverEachIsToldWithItsPlace) {
  const std::vector<RankPulse> ranks = {pulse(0, 1, computes_since(61)),
                                        pulse(1, 1, computes_since(75))};
  EXPECT_TRUE(is_hang(ranks, 0, kNow, kLimits));
  EXPECT_TRUE(is_hang(ranks, 1, kNow, kLimits));
  expect_parts(describe_late_ranks(ranks, kNow, kLimits),
               {"all ranks have computed for longer than 60 s", "rank 0 (pid 40 on node) for 61 s",
                "rank 1 (pid 41 on node) for 75 s: after step 7, step, computing"});
}

TEST(Hang, OneThatAdvancesIsWaitedForAndNoOther) {
  const auto hangs = [&](double pulse_age, const Activity& activity) {
    return is_hang({pulse(0, 1, kWaits), pulse(1, pulse_age, activity)}, 0, kNow, kLimits);
  };
  EXPECT_FALSE(hangs(1, computes_since(30)));
  EXPECT_TRUE(hangs(2 * kLimits.silence, computes_since(30))) << "stopped since";
  EXPECT_TRUE(hangs(1, computes_since(120))) << "stuck in one piece of work";
  EXPECT_TRUE(hangs(1, kWaits));
}

// Rank 0 has long work, the other has just begun to wait for it: rank 1 counts from there.
TEST(Hang, OneThatComputesLongWhileOthersBeginToWaitEndsNothing) {
  Activity begins_to_wait = kWaits;
  begins_to_wait.since = kNow - 2;
  EXPECT_FALSE(
      is_hang({pulse(0, 1, computes_since(90)), pulse(1, 1, begins_to_wait)}, 0, kNow, kLimits));
}

TEST(Hang, OneThatWaitsForItsDeviceDoesNotCountAsComputing) {
  const std::vector<RankPulse> ranks = {pulse(0, 1, kWaits),
                                        pulse(1, 1, computes_since(70), device_waits(3, 5))};
  EXPECT_TRUE(is_hang(ranks, 0, kNow, kLimits));
}

TEST(Heartbeat, AnAdvanceCountsWhileComputingOnly) {
  Heartbeat heartbeat;
  heartbeat.advance();
  EXPECT_GT(heartbeat.read().since, 0);
  heartbeat.enter("all_reduce", "sum");
  const double since = heartbeat.read().since;
  heartbeat.advance();
  heartbeat.at(3, "step");
  EXPECT_EQ(heartbeat.read().since, since);
}

TEST(Pulses, OfManyRanksAreRarerAndFileSystemsMayStall) {
  EXPECT_DOUBLE_EQ(pulse_interval(300, 2), 1);
  EXPECT_DOUBLE_EQ(pulse_interval(2, 2), 0.2);
  EXPECT_DOUBLE_EQ(pulse_interval(300, 512), 8);
  EXPECT_DOUBLE_EQ(longest_silence(300, 1), 30);
  EXPECT_DOUBLE_EQ(longest_silence(300, 16), 48);
  EXPECT_DOUBLE_EQ(longest_silence(2, 0.2), 0.6);
}

}  // namespace
}  // namespace semiseg
