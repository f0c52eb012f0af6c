// SPDX-License-Identifier: Apache-2.0
// Tests what a plug-in declares without being constructed: its options, and the line that TOML
// files repeat.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "cluster/launcher.h"
#include "framework/config/compose.h"
#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/data/dataset.h"
#include "framework/data/setting.h"
#include "framework/methods/method.h"
#include "tests/support/places.h"

namespace semiseg {
namespace {

// Path → type, default and allowed values, without the name of the plug-in.
std::map<std::string, std::string> described(const std::vector<OptionRead>& reads,
                                             const std::string& name) {
  std::map<std::string, std::string> result;
  for (const OptionRead& read : reads) {
    if (read.path != name)
      result[read.path] = read.type + " = " + read.default_value + ", " + read.allowed;
  }
  return result;
}

// The reads of a network on images of this size; none where it takes no images of these axes.
std::optional<std::vector<OptionRead>> reads_of_made(const BackboneEntry& entry,
                                                     const NetworkShape& shape) {
  const Config config = parse_config("");
  try {
    entry.make(config, shape, Draws(1), "net");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig) << error.what();
    return std::nullopt;
  }
  return config.reads();
}

TEST(OptionsOfBackbones, AreThoseThatTheNetworkReadsWhenItIsMade) {
  for (const std::string& name : BackboneRegistry::instance().names()) {
    SCOPED_TRACE(name);
    const BackboneEntry& entry = BackboneRegistry::instance().find(name);
    int made = 0;
    // The last two for networks that take nothing smaller.
    for (const std::vector<int64_t>& size :
         {std::vector<int64_t>{32, 32}, {32, 32, 32}, {224, 224}, {32, 64, 64}}) {
      if (made > 0 && size.back() > 32) break;
      // Several channels, because a discriminator takes a map and an image.
      const NetworkShape shape{.channels = 3, .classes = 2, .patch_size = size};
      const auto reads = reads_of_made(entry, shape);
      if (!reads) continue;
      ++made;
      const auto listed =
          list_options([&](const Config& config) { entry.read_options(config, shape); });
      EXPECT_EQ(described(listed, ""), described(*reads, ""));
    }
    EXPECT_GT(made, 0) << "the network takes neither slices nor volumes";
  }
}

TEST(OptionsOfDataSets, AreListedWithoutDataAndHaveTexts) {
  for (const std::string& name : DatasetRegistry::instance().names()) {
    if (name.starts_with("test_")) continue;  // of the conformance suite
    const auto options = list_options(DatasetRegistry::instance().find(name).read_options);
    EXPECT_FALSE(options.empty()) << name;
    for (const OptionRead& option : options)
      EXPECT_TRUE(option.doc.ends_with('.')) << name << ": " << option.path;
  }
}

// The first line of a TOML file is what `semiseg info` says of the plug-in.
template <class Entry>
void expect_summaries(const std::string& group) {
  for (const std::string& name : Registry<Entry>::instance().names()) {
    const auto file = source_folder() / "experiments" / group / (name + ".toml");
    if (!std::filesystem::exists(file)) continue;
    std::ifstream stream(file);
    std::string line;
    std::getline(stream, line);
    EXPECT_EQ(line, "# " + Registry<Entry>::instance().find(name).summary) << file;
  }
}

TEST(Summaries, AreTheHeadsOfTheTomlFiles) {
  expect_summaries<MethodEntry>("method");
  expect_summaries<BackboneEntry>("backbone");
  expect_summaries<DatasetEntry>("dataset");
  expect_summaries<SettingEntry>("setting");
  expect_summaries<cluster::LauncherEntry>("cluster");
}

}  // namespace
}  // namespace semiseg
