// SPDX-License-Identifier: Apache-2.0
// Tests which settings identify a run, and the listing of options without their component.
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "framework/config/option_list.h"
#include "framework/core/error.h"

namespace semiseg {
namespace {

// Options of every type, one of each effect.
struct Options {
  double rate = 10;
  std::vector<double> betas = {0.9, 1};
  std::string kind = "sgd", metric = "dice";
  int64_t threads = 2;

  static Options read(const Config& config) {
    Options o;
    config.read("rate", o.rate, {0, 1000}, "Rate.");
    config.read("betas", o.betas, {0, 1}, "Decays.");
    config.read("kind", o.kind, {"sgd", "adam"}, "Algorithm.");
    config.read("metric", o.metric, "Metric.", Effect::kMeasurement);
    config.read("threads", o.threads, {0, 64}, "Threads.", Effect::kNone);
    return o;
  }
};

Config read_config(const std::string& toml) {
  const Config config = parse_config(toml);
  Options::read(config);
  return config;
}

uint64_t identity(const std::string& toml) { return read_config(toml).identity(); }

TEST(Settings, WhatMeansTheSameIsOneRun) {
  const uint64_t plain = identity("");
  for (const char* same : {"rate = 10", "rate = 10.0", "betas = [0.9, 1]", "betas = [0.90, 1.0]",
                           "kind = 'sgd'", "metric = 'hd95'", "threads = 7", "[empty]"}) {
    EXPECT_EQ(identity(same), plain) << same;
  }
}

TEST(Settings, WhatCanChangeAResultIsAnotherRun) {
  const uint64_t plain = identity("");
  for (const char* other : {"rate = 10.5", "betas = [0.9, 0.99]", "kind = 'adam'", "unread = 1"})
    EXPECT_NE(identity(other), plain) << other;
  EXPECT_EQ(identity("rate = 3"), identity("rate = 3.0"));
  EXPECT_EQ(read_config("rate = 3").identity(/*without=*/{"rate"}), plain);
}

TEST(Settings, AnOptionThatALaterVersionAddsDoesNotChangeTheIdentity) {
  const Config config = read_config("rate = 3");
  const uint64_t before = config.identity();
  int64_t added = 4;
  config.read("added", added, {0, 9}, "Something new.");
  EXPECT_EQ(config.identity(), before);
}

TEST(Settings, AnotherConfigurationIsSeenByTheSameOptions) {
  const Config config = read_config("rate = 3\nthreads = 1");
  const auto there = config.settings_of(parse_config("rate = 3.0\nkind = 'adam'\nold = true"));
  ASSERT_EQ(there.size(), 4u);
  EXPECT_EQ(there.at("rate").value, config.settings().at("rate").value);
  EXPECT_FALSE(there.at("rate").is_default);
  EXPECT_EQ(there.at("kind").value, "\"adam\"");
  EXPECT_TRUE(there.at("betas").is_default);
  EXPECT_EQ(there.at("old").value, "true");
}

TEST(Settings, ARenamedValueIsTheSameRun) {
  const auto read = [](const std::string& toml) {
    const Config config = parse_config(toml);
    std::string name = "apple";
    config.read("name", name, "Fruit.");
    return config;
  };
  const Config former = read("name = 'tangerine'"), present = read("name = 'clementine'");
  const uint64_t before = former.identity();
  EXPECT_NE(present.identity(), before);
  for (const Config& config : {former, present}) {
    config.renamed("name", {{"tangerine", "clementine"}});
    EXPECT_EQ(config.identity(), before);
  }
  EXPECT_EQ(present.settings_of(former).at("name").value, "\"clementine\"");
}

TEST(OptionList, HasEveryOptionWithDefaultAndEffect) {
  const std::vector<OptionRead> options = list_options(read_and_forget<Options>);
  ASSERT_EQ(options.size(), 5u);
  EXPECT_EQ(options[0].path, "rate");
  EXPECT_EQ(options[0].default_value, "10.0");
  EXPECT_EQ(options[0].effect, Effect::kResult);
  EXPECT_EQ(options[2].allowed, "sgd, adam");
  EXPECT_EQ(options[3].effect, Effect::kMeasurement);
  EXPECT_EQ(options[4].effect, Effect::kNone);
}

TEST(OptionList, AnOptionThatMustBeGivenIsListedAndRefusedValuesEndTheList) {
  const auto read = [](const Config& config) {
    const std::string root = config.required("root", "Folder.");
    if (root.empty()) config.fail("root", "an empty name", "a folder");
    std::string kind;
    config.read("kind", kind, "Not reached without a root.");
  };
  const std::vector<OptionRead> options = list_options(read);
  ASSERT_EQ(options.size(), 1u);
  EXPECT_EQ(options[0].path, "root");
  EXPECT_EQ(options[0].default_value, "");
  EXPECT_EQ(list_options(read, "root = 'here'").size(), 2u);
}

TEST(OptionList, WhatIsGivenDecidesWhichOptionsThereAre) {
  const auto read = [](const Config& config) {
    bool more = false;
    int64_t detail = 1;
    config.read("more", more, "Has details.");
    if (more) config.read("detail", detail, {0, 9}, "A detail.");
  };
  EXPECT_EQ(list_options(read).size(), 1u);
  EXPECT_EQ(list_options(read, "more = true").size(), 2u);
}

}  // namespace
}  // namespace semiseg
