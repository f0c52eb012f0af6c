// SPDX-License-Identifier: Apache-2.0
// The files in experiments/: a data set brings the protocol and the backbone that suit it.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "tests/support/places.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

Config composed(const std::vector<std::string>& overrides) {
  return compose({.search = {source_folder() / "experiments"}, .overrides = overrides});
}

std::string name_of(const Config& config, const std::string& section) {
  std::string name;
  config.section(section).read("name", name, "registered name");
  return name;
}

std::vector<int64_t> patch_size(const Config& config) {
  std::vector<int64_t> sizes;
  config.section("protocol").read("patch_size", sizes, {1, 4096}, "training size");
  return sizes;
}

std::vector<std::string> data_sets() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(source_folder() / "experiments" / "dataset"))
    names.push_back(entry.path().stem());
  return names;
}

TEST(ExperimentFiles, APublishedDataSetBringsItsProtocol) {
  EXPECT_EQ(patch_size(composed({"dataset=acdc"})), (std::vector<int64_t>{256, 256}));
  const Config la = composed({"dataset=la"});
  EXPECT_EQ(patch_size(la), (std::vector<int64_t>{112, 112, 80}));
  EXPECT_EQ(name_of(la, "backbone"), "vnet");
}

TEST(ExperimentFiles, AChoiceOnTheCommandLineWins) {
  const Config small = composed({"dataset=la", "protocol=smoke", "backbone=unet"});
  EXPECT_EQ(patch_size(small), (std::vector<int64_t>{32, 32}));
  EXPECT_EQ(name_of(small, "backbone"), "unet");
  EXPECT_EQ(patch_size(composed({"protocol=smoke", "dataset=acdc"})),
            (std::vector<int64_t>{32, 32}));
}

TEST(ExperimentFiles, AMethodBringsTheBackboneThatItNeeds) {
  EXPECT_EQ(name_of(composed({"method=aggregate_decouple", "dataset=la"}), "backbone"),
            "diff_vnet");
  EXPECT_EQ(name_of(composed({"method=bcp", "dataset=la"}), "backbone"), "vnet");
}

// The whole configuration of each example composes; its method and data set are those of its name.
TEST(ExperimentFiles, EveryExampleComposes) {
  int examples = 0;
  for (const auto& entry : fs::directory_iterator(source_folder() / "experiments" / "example")) {
    const std::string stem = entry.path().stem();
    const Config config = composed({"+example=" + stem});
    EXPECT_TRUE(stem.starts_with(name_of(config, "method"))) << stem;
    EXPECT_TRUE(name_of(config, "dataset").ends_with("phantom") ||
                name_of(config, "dataset") == "collection")
        << stem;
    ++examples;
  }
  EXPECT_GE(examples, 5);
}

// The first word of an ablation names the method of its example.
TEST(ExperimentFiles, EveryAblationChangesItsExample) {
  const std::map<std::string, std::string> examples = {{"ad", "aggregate_decouple_vendors"},
                                                       {"coral", "coral_vendors"},
                                                       {"tac", "tac_atrium"},
                                                       {"transmedseg", "transmedseg_vendors"},
                                                       {"versemi", "versemi_tasks"}};
  for (const auto& entry : fs::directory_iterator(source_folder() / "experiments" / "ablation")) {
    const std::string stem = entry.path().stem();
    const auto example = examples.find(stem.substr(0, stem.find('_')));
    ASSERT_NE(example, examples.end()) << stem;
    const std::string choice = "+example=" + example->second;
    EXPECT_NE(composed({choice, "+ablation=" + stem}).to_toml(), composed({choice}).to_toml())
        << stem;
  }
}

// A network of planes needs a patch of two sides, one of volumes a patch of three.
TEST(ExperimentFiles, EveryDataSetComposesWithABackboneOfItsProtocolsDimensions) {
  ASSERT_FALSE(data_sets().empty());
  for (const std::string& name : data_sets()) {
    const Config config = composed({"dataset=" + name});
    // Tasks of the Decathlon are data sets of one layout.
    EXPECT_EQ(name_of(config, "dataset"), name.starts_with("msd_") ? "nnunet_raw" : name);
    EXPECT_EQ(patch_size(config).size(), name_of(config, "backbone") == "vnet" ? 3u : 2u) << name;
  }
}

}  // namespace
}  // namespace semiseg
