// SPDX-License-Identifier: Apache-2.0
// Spans of the profile: exclusive times, other threads, the trace.
#include "framework/core/profile.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "framework/core/files.h"

namespace semiseg {
namespace {

using profile::Span;

void work() {
  volatile double sum = 0;
  for (int i = 0; i < 200000; ++i) sum = sum + i;
}

const profile::Phase* find(const std::vector<profile::Phase>& phases, const std::string& name) {
  for (const auto& phase : phases)
    if (phase.name == name) return &phase;
  return nullptr;
}

TEST(Profile, AnInnerSpanIsTakenFromTheOneAroundIt) {
  profile::start();
  {
    const Span outer("outer");
    for (int i = 0; i < 3; ++i) {
      const Span inner("inner");
      work();
    }
  }
  const auto phases = profile::phases();
  double sum = 0;
  for (const auto& phase : phases) sum += phase.seconds;
  ASSERT_NE(find(phases, "inner"), nullptr);
  EXPECT_EQ(find(phases, "inner")->count, 3);
  EXPECT_EQ(find(phases, "outer")->count, 1);
  EXPECT_LT(find(phases, "outer")->seconds, find(phases, "inner")->seconds);
  EXPECT_LE(sum, profile::elapsed_seconds());
}

TEST(Profile, OtherThreadsDoNotCount) {
  profile::start();
  std::thread([] { const Span span("elsewhere"); }).join();
  EXPECT_EQ(find(profile::phases(), "elsewhere"), nullptr);
}

TEST(Profile, TheVerdictNamesTheWaitForDataFromATenthOn) {
  profile::start();
  {
    const Span span("data wait");
    work();
  }
  EXPECT_NE(profile::report().find("data-bound: "), std::string::npos) << profile::report();
  profile::start();
  {
    const Span span("backward");
    work();
  }
  EXPECT_NE(profile::report().find("backward-bound: "), std::string::npos) << profile::report();
}

TEST(Profile, TheTraceHoldsEverySpanInsideTheOneAroundIt) {
  profile::start();
  {
    const Span outer("outer");
    const Span inner("inner");
  }
  const auto path = std::filesystem::path(testing::TempDir()) / "profile.json";
  profile::write_trace(path);
  const auto events = nlohmann::json::parse(read_file(path))["traceEvents"];
  ASSERT_EQ(events.size(), 2u);
  const auto& inner = events[0];
  const auto& outer = events[1];
  EXPECT_EQ(inner["name"], "inner");
  EXPECT_EQ(outer["name"], "outer");
  EXPECT_LE(outer["ts"].get<double>(), inner["ts"].get<double>());
  EXPECT_GE(outer["dur"].get<double>(), inner["dur"].get<double>());
}

}  // namespace
}  // namespace semiseg
