// SPDX-License-Identifier: Apache-2.0
// The parts of a run, each without those that come after it: options, then data, then a model.
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <numeric>

#include "framework/config/compose.h"
#include "framework/run/run.h"
#include "framework/run/world.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

class RunParts : public testing::Test {
 protected:
  RunOptions options(const std::string& more = "") {
    return RunOptions::read(
        parse_config("labelled = '2'\n" + more + "[dataset]\nname = 'cardiac_phantom'\nroot = '" +
                     folder_.path().string() +
                     "'\npatients_train = 3\npatients_val = 1\npatients_test = 0\nsize = 32\n"
                     "[backbone]\nname = 'unet'\nfilters = [2, 2, 2, 2, 2]\n"
                     "[method]\nname = 'supervised'\n[protocol]\npatch_size = [32, 32]\n"),
        world_);
  }

  TemporaryFolder folder_;
  World world_;
};

TEST_F(RunParts, OptionsOpenNoData) {
  const RunOptions o = options("seed = 7\n");
  EXPECT_EQ(o.dataset, "cardiac_phantom");
  EXPECT_EQ(o.setting, "ssl");
  EXPECT_EQ(o.general.seed, 7);
  EXPECT_EQ(o.settings_hash(), options("seed = 8\n").settings_hash());
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(RunParts, DataHaveTheSplitsAndPoolsOfTheSetting) {
  const RunData data = RunData::open(options());
  EXPECT_TRUE(data.has_cases(Split::kVal));
  EXPECT_FALSE(data.has_cases(Split::kTest));
  EXPECT_EQ(data.pools.labelled_patients.size(), 2u);
  const auto labelled = data.facts.pool_samples.at("labelled");
  EXPECT_EQ(labelled + data.facts.pool_samples.at("unlabelled"), std::ssize(data.pools.samples));
  const auto voxels = data.facts.class_voxels("labelled");
  EXPECT_EQ(voxels.size(), data.facts.info.classes.size());
  int64_t all = 0;
  for (const size_t member : data.pools.find("labelled").members)
    all += data.source->load_sample(data.pools.samples[member]).label.numel();
  EXPECT_EQ(std::accumulate(voxels.begin(), voxels.end(), int64_t{0}), all);
}

TEST_F(RunParts, AModelThatPredictsNeedsNoData) {
  DataFacts facts;
  facts.info.classes = {"background", "left", "right"};
  const RunModel model = RunModel::build(options(), facts, world_, Start::kCheckpoint);
  EXPECT_EQ(*model.networks, std::vector<std::string>{"student"});
  const at::Tensor image = at::linspace(0, 1, 2 * 40 * 36).view({1, 2, 40, 36});
  const at::Tensor label = model.segment({.image = image, .label = {}});
  EXPECT_EQ(label.sizes(), at::IntArrayRef({2, 40, 36}));
  EXPECT_LT(label.max().item<int64_t>(), 3);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(RunParts, AKeyThatNoPartReadsIsRefused) {
  Config config = options("[inference]\nstrange = 1\n").config;
  expect_error(ErrorKind::kConfig, {"inference.strange"},
               [&] { Run::assemble(config, world_, Start::kFresh); });
}

}  // namespace
}  // namespace semiseg
