// SPDX-License-Identifier: Apache-2.0
// A plug-in costs one source file, one line in a list and one TOML.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "framework/data/dataset.h"
#include "framework/methods/method.h"
#include "tests/support/places.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Stems of the files in a folder that register something.
std::set<std::string> plugin_files(const fs::path& folder) {
  std::set<std::string> stems;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".cpp") continue;
    if (text_of(entry.path()).find("const bool registered") != std::string::npos)
      stems.insert(entry.path().stem());
  }
  return stems;
}

// Leaves out what this binary itself registers, whose names begin with "test_".
std::set<std::string> shipped(const std::vector<std::string>& names) {
  std::set<std::string> all(names.begin(), names.end());
  std::erase_if(all, [](const std::string& name) { return name.starts_with("test_"); });
  return all;
}

TEST(Plugins, FileStemIsTheRegisteredName) {
  const fs::path root = source_folder();
  EXPECT_EQ(plugin_files(root / "framework/methods"), shipped(MethodRegistry::instance().names()));
  EXPECT_EQ(plugin_files(root / "framework/backbones"),
            shipped(BackboneRegistry::instance().names()));
  EXPECT_EQ(plugin_files(root / "datasets"), shipped(DatasetRegistry::instance().names()));
}

TEST(Plugins, AMethodCostsOneSourceFileOneLineInAListAndOneToml) {
  const fs::path root = source_folder();
  for (const auto& name : shipped(MethodRegistry::instance().names())) {
    int files = 0, mentions = 0;
    const std::regex word("\\b" + name + "(\\.cpp|\\.toml)?\\b");
    for (const char* top : {"framework", "datasets", "experiments", "launch"}) {
      for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
        if (!entry.is_regular_file()) continue;
        if (entry.path().stem() == name) ++files;
        if (entry.path().filename() == "CMakeLists.txt") {
          const std::string list = text_of(entry.path());
          mentions += static_cast<int>(
              std::distance(std::sregex_iterator(list.begin(), list.end(), word), {}));
        }
        // Only its own files may register or include it.
        if (entry.path().extension() == ".h") {
          EXPECT_NE(entry.path().stem(), name) << "a plug-in has no header";
        }
      }
    }
    EXPECT_EQ(files, 2) << name << ": one .cpp and one .toml";
    EXPECT_EQ(mentions, 1) << name << ": one line in a source list";
    EXPECT_TRUE(fs::exists(root / "experiments/method" / (name + ".toml")));
  }
}

}  // namespace
}  // namespace semiseg
