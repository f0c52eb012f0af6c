// SPDX-License-Identifier: Apache-2.0
// Config::choices() and overridden() name the options of groups and the values that the user chose.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/experiments.h"

namespace semiseg {
namespace {

using Texts = std::map<std::string, std::string>;

class Choices : public Experiments {
 protected:
  // The configuration after its options have been read.
  Config read(std::vector<std::string> overrides, std::string name = "base") const {
    Config config = compose(request(std::move(overrides), std::move(name)));
    const Config method = config.section("method"), optimiser = config.section("optimiser");
    double decay = 0.5, rate = 0;
    int64_t rampup = 7, threads = 1;
    method.read("ema_decay", decay, {0, 1}, "Decay.");
    method.read("rampup", rampup, {0, 1000}, "Ramp.");
    optimiser.read("lr", rate, {0, 1}, "Rate.");
    optimiser.read("threads", threads, {1, 9}, "Threads.", Effect::kNone);
    return config;
  }
};

TEST_F(Choices, HaveTheOptionOfEveryGroup) {
  EXPECT_EQ(read({}).choices(), (Texts{{"dataset", "acdc"}, {"method", "bcp"}}));
  EXPECT_EQ(read({"method=ua_mt", "+ablation=no_ema"}).choices(),
            (Texts{{"ablation", "no_ema"}, {"dataset", "acdc"}, {"method", "ua_mt"}}));
  write("other", "defaults = [\"base\"]\n");
  EXPECT_EQ(read({}, "other").choices().at("--config-name"), "other");
  EXPECT_TRUE(parse_config("seed = 1").choices().empty());
}

TEST_F(Choices, AreOverriddenOnlyWhereTheValueIsAnother) {
  EXPECT_TRUE(read({}).overridden().empty());
  EXPECT_TRUE(
      read({"method.rampup=100", "optimiser.lr=0.01", "optimiser.threads=4"}).overridden().empty());
  EXPECT_EQ(read({"method.rampup=9", "seed=3", "optimiser.lr=1"}).overridden(),
            (Texts{{"method.rampup", "9"}, {"optimiser.lr", "1.0"}, {"seed", "3"}}));
}

TEST_F(Choices, ADefaultThatNoFileRepeatsIsOverriddenToo) {
  write("method/bare", "name = \"bare\"\n");
  EXPECT_TRUE(read({"method=bare", "method.rampup=7"}).overridden().empty());
  EXPECT_EQ(read({"method=bare", "method.rampup=8"}).overridden(), (Texts{{"method.rampup", "8"}}));
  EXPECT_EQ(read({"~method.rampup"}).overridden(), (Texts{{"method.rampup", "7"}}));
}

TEST_F(Choices, WhatFollowsFromAnotherValueIsNotOverridden) {
  EXPECT_EQ(read({"labelled=3"}).overridden(), (Texts{{"labelled", "3"}}));
}

TEST_F(Choices, AFormerNameFindsTheFileThatNamesIt) {
  write("dataset/heart", "# The heart.\n# @formerly cor\nname = \"heart\"\n");
  expect_contains(text({"dataset=cor"}), {"name = \"heart\""});
  EXPECT_EQ(compose(request({"dataset=cor"})).choices().at("dataset"), "heart");
  expect_contains(message({"dataset=corr"}), {"unknown option 'corr'"});
}

}  // namespace
}  // namespace semiseg
