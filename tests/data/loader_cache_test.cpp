// SPDX-License-Identifier: Apache-2.0
// Decoded samples in memory: once each, within a bound.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "framework/data/sample_cache.h"
#include "tests/support/fake_source.h"

namespace semiseg {
namespace {

TEST(SampleCache, ThreadsThatAskAtTheSameTimeShareOneDecoding) {
  const FakeSource source;
  SampleCache cache(source, source.training_samples(2), 64);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&cache] {
        for (size_t index = 0; index < 10; ++index) cache.get(index);
      });
    }
  }
  for (size_t patient = 0; patient < 10; ++patient)
    EXPECT_EQ(source.decoded(patient), 1) << patient;
}

TEST(SampleCache, StaysWithinItsBoundAndKeepsWhatCameFirst) {
  const FakeSource source(
      300);  // 300 × 304 pixels of 5 bytes: 456 000 bytes a sample, two in 1 MiB
  SampleCache cache(source, source.training_samples(2), 1);
  for (int round = 0; round < 3; ++round) {
    for (size_t index = 0; index < 10; ++index) cache.get(index);
  }
  EXPECT_EQ(cache.bytes(), 2 * 456000);
  EXPECT_EQ(source.decoded(0), 1);
  EXPECT_EQ(source.decoded(1), 1);
  EXPECT_EQ(source.decoded(2), 3);
}

TEST(SampleCache, WithoutRoomNothingIsKept) {
  const FakeSource source;
  SampleCache cache(source, source.training_samples(2), 0);
  cache.get(3);
  cache.get(3);
  EXPECT_EQ(cache.bytes(), 0);
  EXPECT_EQ(source.decoded(3), 2);
}

TEST(SampleCache, AFailureIsNotKept) {
  FakeSource source;
  source.broken_ = 1;
  SampleCache cache(source, source.training_samples(2), 64);
  EXPECT_THROW(cache.get(1), Error);
  source.broken_ = -1;
  EXPECT_TRUE(cache.get(1).image.defined());
}

}  // namespace
}  // namespace semiseg
