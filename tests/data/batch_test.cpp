// SPDX-License-Identifier: Apache-2.0
// Batches as streams with views, and the views that a configuration defines.
#include "framework/data/batch.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "framework/data/label_budget.h"
#include "framework/data/loader.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_source.h"

namespace semiseg {
namespace {

Batch two_and_three() {
  Batch batch;
  batch.add_stream("labelled", {0, 1}).label = at::zeros({2, 4, 4}, at::kLong);
  batch.add_stream("unlabelled", {2, 3, 4});
  batch.add_view(kWeakView, at::arange(80, at::kFloat).reshape({5, 1, 4, 4}));
  batch.add_view("strong", at::ones({3, 1, 4, 4}), {}, {"unlabelled"});
  return batch;
}

TEST(Batch, JoinedViewsAreTheStreamsWithoutACopy) {
  const Batch batch = two_and_three();
  EXPECT_EQ(batch.samples, (SampleIds{0, 1, 2, 3, 4}));
  EXPECT_EQ(batch["unlabelled"].image().const_data_ptr<float>(),
            batch.joined().const_data_ptr<float>() + 32);
  EXPECT_TRUE(at::equal(batch["labelled"].image(), batch.joined().slice(0, 0, 2)));
}

TEST(Batch, AMissingStreamOrViewIsNamedWithThoseThereAre) {
  const Batch batch = two_and_three();
  expect_error(ErrorKind::kInternal, {"no stream 'mix'", "labelled, unlabelled"},
               [&] { batch["mix"]; });
  expect_error(ErrorKind::kInternal, {"stream 'labelled'", "no view 'strong'", "weak"},
               [&] { batch["labelled"].image("strong"); });
  expect_error(ErrorKind::kInternal, {"no view 'strong'"}, [&] { batch.joined("strong"); });
}

TEST(Batch, AViewHasARowForEachSampleOfItsStreams) {
  Batch batch = two_and_three();
  EXPECT_THROW(batch.add_view("other", at::ones({4, 1, 4, 4})), Error);
}

Batch first_batch(const std::string& views, std::vector<std::string> wanted) {
  const FakeSource source;
  const Pools pools = pools_of(resolve_budget(source.training_samples(2), source.cases(), "4"));
  const std::vector<StreamPlan> streams = {
      {.name = "labelled", .pool = "labelled", .samples = 2},
      {.name = "unlabelled", .pool = "unlabelled", .samples = 3, .views = std::move(wanted)}};
  return Loader({.samples = std::make_shared<SampleCache>(source, pools.samples, 64),
                 .plan = BatchPlan(pools, streams, Draws(5), 0),
                 .slots = share(streams, {}, 0, 1),
                 .transform = {.patch_size = {16, 16}},
                 .views = Views::read(parse_config(views)),
                 .draws = Draws(5),
                 .steps = 10},
                {.threads = 0})
      .next();
}

TEST(Views, OnlyTheStreamsThatAskHaveAView) {
  const Batch batch = first_batch("", {"weak", "strong"});
  EXPECT_EQ(batch["labelled"].views.size(), 1u);
  EXPECT_EQ(batch["unlabelled"].image("strong").size(0), 3);
}

TEST(Views, FurtherViewsChangeNoNumberOfTheOthers) {
  const std::string more = "[strong2]\nsteps = ['color_jitter']\n[crop]\ngeometry = 'own'";
  const Batch few = first_batch("", {"weak", "strong"}),
              many = first_batch(more, {"weak", "strong", "strong2", "crop"});
  const Stream &a = few["unlabelled"], &b = many["unlabelled"];
  EXPECT_TRUE(at::equal(few.joined(), many.joined()));
  EXPECT_TRUE(at::equal(a.image("strong"), b.image("strong")));
  EXPECT_FALSE(at::equal(b.image("strong"), b.image("strong2")));
}

TEST(Views, SharedGeometryHasOnePlacementAndOwnGeometryAnother) {
  const Batch batch = first_batch("[crop]\ngeometry = 'own'", {"weak", "strong", "crop"});
  const Stream& stream = batch["unlabelled"];
  ASSERT_EQ(stream.placements().size(), 3u);
  EXPECT_EQ(stream.placements(), stream.placements("strong"));
  EXPECT_NE(stream.placements(), stream.placements("crop"));
}

TEST(Views, OneWithoutStepsIsTheWeakView) {
  const Batch batch = first_batch("[strong]\nsteps = []", {"weak", "strong"});
  EXPECT_TRUE(at::equal(batch["unlabelled"].image(), batch["unlabelled"].image("strong")));
}

TEST(Views, ThatNothingDefinesIsNamedWithThoseThereAre) {
  const Views views = Views::read(parse_config("[strong2]\nsteps = []"));
  expect_error(
      ErrorKind::kConfig,
      {"view 'crop'", "second_crop, strong, strong2, weak", "[protocol.views.crop]"},
      [&] { views.check({{.name = "u", .pool = "unlabelled", .samples = 1, .views = {"crop"}}}); });
}

TEST(Views, WithAnUnknownTransformAreRefused) {
  expect_error(ErrorKind::kConfig, {"unknown transform 'color_jiter'", "color_jitter"},
               [] { Views::read(parse_config("[strong]\nsteps = ['color_jiter']")); });
}

}  // namespace
}  // namespace semiseg
