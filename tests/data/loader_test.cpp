// SPDX-License-Identifier: Apache-2.0
// The loader: batches that do not depend on threads, cache or the first step; errors.
#include "framework/data/loader.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/data/label_budget.h"
#include "tests/support/fake_source.h"

namespace semiseg {
namespace {

Pools pools(const FakeSource& source) {
  return pools_of(resolve_budget(source.training_samples(2), source.cases(), "4"));
}

std::vector<StreamPlan> streams(std::vector<std::string> views = {"weak", "strong"}) {
  return {{.name = "labelled", .pool = "labelled", .samples = 2, .views = views},
          {.name = "unlabelled", .pool = "unlabelled", .samples = 3, .views = views}};
}

LoaderParts parts_of(const FakeSource& source, int64_t stage = 0, int64_t first_step = 0,
                     int64_t cache_mb = 64) {
  return {.samples = std::make_shared<SampleCache>(source, pools(source).samples, cache_mb),
          .plan = BatchPlan(pools(source), streams(), Draws(5), stage),
          .slots = share(streams(), {}, 0, 1),
          .transform = {.patch_size = {16, 16}},
          .views = Views::defaults(),
          .draws = Draws(5),
          .stage = stage,
          .first_step = first_step,
          .steps = 1000};
}

std::vector<Batch> batches(const FakeSource& source, int64_t threads, int64_t stage, int64_t first,
                           int64_t last, int64_t cache_mb = 64) {
  Loader loader(parts_of(source, stage, first, cache_mb), {.threads = threads, .prefetch = 3});
  std::vector<Batch> result;
  for (int64_t step = first; step < last; ++step) result.push_back(loader.next());
  return result;
}

void expect_equal(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(at::equal(a[i].joined(), b[i].joined())) << i;
    EXPECT_TRUE(at::equal(a[i].joined("strong"), b[i].joined("strong"))) << i;
    EXPECT_TRUE(at::equal(a[i]["labelled"].label, b[i]["labelled"].label)) << i;
    EXPECT_EQ(a[i].samples, b[i].samples) << i;
  }
}

ErrorKind next_fails(Loader& loader, std::string& message) {
  for (int step = 0; step < 100; ++step) {
    try {
      loader.next();
    } catch (const Error& error) {
      message = error.what();
      return error.kind();
    }
  }
  ADD_FAILURE() << "no step failed";
  return ErrorKind::kRank;
}

TEST(Loader, ThreadsDoNotChangeBatchesOfTwoStages) {
  const FakeSource source;
  for (const int64_t stage : {0, 1}) {
    const auto alone = batches(source, 0, stage, 0, 25);
    expect_equal(alone, batches(source, 1, stage, 0, 25));
    expect_equal(alone, batches(source, 3, stage, 0, 25));
  }
  EXPECT_FALSE(
      at::equal(batches(source, 0, 0, 0, 1)[0].joined(), batches(source, 0, 1, 0, 1)[0].joined()));
}

TEST(Loader, StartsInTheMiddleAsIfItHadRunThrough) {
  const FakeSource source;
  const auto whole = batches(source, 0, 1, 0, 50);
  for (const int64_t threads : {0, 1, 3}) {
    expect_equal({whole.begin() + 17, whole.end()}, batches(source, threads, 1, 17, 50));
  }
}

TEST(Loader, TheCacheDoesNotChangeBatches) {
  const FakeSource source;
  expect_equal(batches(source, 3, 0, 0, 20, 64), batches(source, 3, 0, 0, 20, 0));
}

TEST(Loader, BatchesHaveTheDocumentedShapesAndTypes) {
  const FakeSource source;
  const Batch batch = batches(source, 1, 0, 0, 1)[0];
  EXPECT_EQ(batch.joined().sizes(), (at::IntArrayRef{5, 1, 16, 16}));
  EXPECT_EQ(batch.joined("strong").sizes(), batch.joined().sizes());
  EXPECT_EQ(batch["labelled"].label.sizes(), (at::IntArrayRef{2, 16, 16}));
  EXPECT_EQ(batch.joined().scalar_type(), at::kFloat);
  EXPECT_EQ(batch["labelled"].label.scalar_type(), at::kLong);
  EXPECT_EQ(batch["labelled"].size(), 2);
  EXPECT_FALSE(batch["unlabelled"].label.defined());
  EXPECT_EQ(batch.samples, (SampleIds{0, 1, 2, 3, 4}));
}

TEST(Loader, OnlyLabelsOfLabelledPatientsEnterABatch) {
  const FakeSource source;
  for (const Batch& batch : batches(source, 2, 0, 0, 50)) {
    EXPECT_LE(batch["labelled"].label.max().item<int64_t>(), 4);
    EXPECT_GE(batch.joined().slice(0, 2).amax({1, 2, 3}).min().item<double>(),
              0.4);  // unlabelled: patients 4 to 9
  }
}

TEST(Loader, TheStrongViewDoesNotChangeTheWeakOne) {
  const FakeSource source;
  LoaderParts parts = parts_of(source);
  parts.plan = BatchPlan(pools(source), streams({"weak"}), Draws(5), 0);
  const Batch weak = Loader(std::move(parts), {.threads = 0}).next();
  const Batch both = Loader(parts_of(source), {.threads = 0}).next();
  EXPECT_THROW(weak.joined("strong"), Error);
  EXPECT_TRUE(at::equal(weak.joined(), both.joined()));
  EXPECT_FALSE(at::equal(both.joined(), both.joined("strong")));
}

TEST(Loader, RanksTogetherHaveTheBatchOfOne) {
  const FakeSource source;
  const Batch whole = Loader(parts_of(source), {.threads = 0}).next();
  std::vector<at::Tensor> images, labels;
  for (int rank = 0; rank < 3; ++rank) {
    LoaderParts parts = parts_of(source);
    parts.slots = share({{.name = "all", .pool = "labelled", .samples = 5}}, {}, rank, 3);
    const Batch mine = Loader(std::move(parts), {.threads = 1}).next();
    images.push_back(mine.joined());
    labels.push_back(mine["labelled"].label);
  }
  EXPECT_TRUE(at::equal(at::cat(images), whole.joined()));
  EXPECT_TRUE(at::equal(at::cat(labels), whole["labelled"].label));
}

TEST(Loader, ARankWithoutLabelledSlotsHasAnEmptyLabel) {
  const FakeSource source;
  LoaderParts parts = parts_of(source);
  parts.slots = {3, 4};
  const Batch batch = Loader(std::move(parts), {.threads = 1}).next();
  EXPECT_EQ(batch["labelled"].size(), 0);
  EXPECT_EQ(batch["labelled"].label.sizes(), (at::IntArrayRef{0, 16, 16}));
}

TEST(Loader, AFailureInAThreadComesOutWithTheCaseAndStays) {
  for (const int64_t threads : {0, 3}) {
    FakeSource source;
    source.broken_ = 7;
    Loader loader(parts_of(source), {.threads = threads});
    std::string first, second;
    EXPECT_EQ(next_fails(loader, first), ErrorKind::kData);
    EXPECT_NE(first.find("scan7, slice 3"), std::string::npos) << first;
    EXPECT_NE(first.find("scan.h5"), std::string::npos) << first;
    next_fails(loader, second);
    EXPECT_EQ(first, second);
  }
}

TEST(Loader, StepsBeforeAFailureAreDelivered) {
  FakeSource source;
  const Batch first = batches(source, 0, 0, 0, 1)[0];
  // Three of six unlabelled patients a step: who is in the second step is not in the first.
  const size_t index = BatchPlan(pools(source), streams(), Draws(5), 0).samples(1).back();
  source.broken_ = static_cast<int64_t>(index);
  Loader loader(parts_of(source), {.threads = 3});
  EXPECT_TRUE(at::equal(loader.next().joined(), first.joined()));
  EXPECT_THROW(loader.next(), Error);
}

TEST(Loader, AForeignExceptionIsNamedToo) {
  FakeSource source;
  source.odd_ = 8;
  Loader loader(parts_of(source), {.threads = 2});
  std::string message;
  EXPECT_EQ(next_fails(loader, message), ErrorKind::kData);
  EXPECT_NE(message.find("scan8, slice 3"), std::string::npos) << message;
  EXPECT_NE(message.find("no such thing"), std::string::npos) << message;
}

TEST(Loader, ALabelledSampleWithoutLabelIsADataError) {
  FakeSource source;
  source.without_label_ = 2;
  Loader loader(parts_of(source), {.threads = 1});
  std::string message;
  EXPECT_EQ(next_fails(loader, message), ErrorKind::kData);
  EXPECT_NE(message.find("scan2"), std::string::npos) << message;
}

TEST(Loader, AnUnlabelledSampleNeedsNoLabel) {
  FakeSource source;
  source.without_label_ = 6;
  EXPECT_EQ(batches(source, 1, 0, 0, 20).size(), 20u);
}

TEST(Loader, StopJoinsWithWorkAheadAndEndsTheLoader) {
  const FakeSource source;
  Loader loader(parts_of(source), {.threads = 3, .prefetch = 500});
  loader.next();
  loader.stop();
  EXPECT_THROW(loader.next(), Error);
}

TEST(Loader, NothingIsMadeBeyondTheStage) {
  const FakeSource source;
  LoaderParts parts = parts_of(source);
  parts.steps = 2;
  Loader loader(std::move(parts), {.threads = 2});
  loader.next();
  loader.next();
  EXPECT_THROW(loader.next(), Error);
}

TEST(SampleCache, DecodesASampleOnce) {
  const FakeSource source;
  batches(source, 3, 0, 0, 50);
  for (size_t patient = 0; patient < 10; ++patient)
    EXPECT_EQ(source.decoded(patient), 1) << patient;
}

TEST(LoaderOptions, AreReadWithinTheirRanges) {
  const LoaderOptions options = LoaderOptions::read(parse_config("threads = 0\ncache_mb = 5"));
  EXPECT_EQ(options.threads, 0);
  EXPECT_EQ(options.prefetch, 4);
  EXPECT_EQ(options.cache_mb, 5);
  EXPECT_THROW(LoaderOptions::read(parse_config("prefetch = 0")), Error);
  EXPECT_THROW(LoaderOptions::read(parse_config("threads = -1")), Error);
}

}  // namespace
}  // namespace semiseg
