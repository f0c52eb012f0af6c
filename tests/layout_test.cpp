// SPDX-License-Identifier: Apache-2.0
// The tree is the data flow: a folder includes only what stands above it, vendor headers stay in
// their place, and the lists of sources are complete. Reads every #include of the project.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/places.h"

namespace {
namespace fs = std::filesystem;

const fs::path kRoot = semiseg::source_folder();

struct Include {
  std::string file;    // path from the root
  std::string folder;  // "framework/core", "datasets", …
  std::string target;  // as written
};

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// "framework/nn/losses/losses.h" → "framework/nn"; "datasets/acdc.cpp" → "datasets".
std::string folder_of(const std::string& path) {
  const fs::path relative(path);
  auto part = relative.begin();
  const std::string first = part->string();
  return first == "framework" ? first + "/" + (++part)->string() : first;
}

std::vector<fs::path> sources() {
  std::vector<fs::path> files;
  for (const char* top : {"framework", "datasets", "launch", "cluster", "tests"}) {
    if (!fs::exists(kRoot / top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top))
      if (std::set<fs::path>{".h", ".cpp", ".cu"}.contains(entry.path().extension()))
        files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Include> includes() {
  static const std::regex line(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<Include> found;
  for (const auto& file : sources()) {
    std::ifstream stream(file);
    const std::string relative = fs::relative(file, kRoot);
    std::smatch match;
    for (std::string text; std::getline(stream, text);) {
      if (std::regex_search(text, match, line))
        found.push_back({relative, folder_of(relative), match[1]});
    }
  }
  return found;
}

// The order of the folders: each may include itself and every folder before it.
const std::vector<std::string> kFlow = {"framework/core",
                                        "framework/files",
                                        "framework/config",
                                        "framework/comm",
                                        "framework/scans",
                                        "framework/nn",
                                        "framework/data",
                                        "framework/settings",
                                        "framework/inference",
                                        "framework/metrics",
                                        "framework/checkpoint",
                                        "framework/methods",
                                        "framework/backbones",
                                        "framework/record",
                                        "framework/train",
                                        "framework/run",
                                        "datasets",
                                        "cluster",
                                        "launch",
                                        "tests"};

// Exceptions to "everything above": where less is allowed.
const std::map<std::string, std::set<std::string>> kNarrow = {
    {"framework/comm", {"framework/core", "framework/config"}},
    {"framework/scans", {"framework/core", "framework/files", "framework/config"}},
    {"framework/nn", {"framework/core", "framework/config", "framework/comm"}},
    {"framework/data",
     {"framework/core", "framework/files", "framework/config", "framework/scans"}},
    {"framework/settings", {"framework/core", "framework/config", "framework/data"}},
    {"framework/checkpoint",
     {"framework/core", "framework/files", "framework/config", "framework/nn"}},
    {"framework/methods",
     {"framework/core", "framework/config", "framework/comm", "framework/nn", "framework/data"}},
    {"framework/backbones",
     {"framework/core", "framework/config", "framework/comm", "framework/nn"}},
    {"datasets",
     {"framework/core", "framework/files", "framework/config", "framework/scans",
      "framework/data"}},
};

bool is_project(const std::string& target) {
  return target.starts_with("framework/") || target.starts_with("datasets/") ||
         target.starts_with("launch/") || target.starts_with("cluster/") ||
         target.starts_with("tests/");
}

TEST(Layout, EveryArrowPointsUpTheTree) {
  for (const auto& include : includes()) {
    if (!is_project(include.target)) continue;
    const std::string to = folder_of(include.target);
    if (to == include.folder) continue;
    const auto from_place = std::find(kFlow.begin(), kFlow.end(), include.folder);
    const auto to_place = std::find(kFlow.begin(), kFlow.end(), to);
    ASSERT_NE(from_place, kFlow.end()) << include.folder << " has no place in the flow";
    EXPECT_LT(to_place, from_place)
        << include.file << " includes " << include.target << ", which stands below it";
    const auto narrow = kNarrow.find(include.folder);
    if (narrow != kNarrow.end()) {
      EXPECT_TRUE(narrow->second.contains(to))
          << include.file << " may not include " << include.target;
    }
  }
}

TEST(Layout, MethodsSeeOfDataOnlyTheBatch) {
  for (const auto& include : includes()) {
    if (include.folder == "framework/methods" && include.target.starts_with("framework/data/")) {
      EXPECT_EQ(include.target, "framework/data/batch.h") << include.file;
    }
  }
}

TEST(Layout, VendorHeadersStayInTheirPlace) {
  const std::map<std::string, std::set<std::string>> places = {
      {"mpi.h", {"framework/comm"}},
      {"nccl.h", {"framework/comm"}},
      {"hdf5.h", {"framework/files", "tests"}},
      {"toml++/", {"framework/config"}},
      {"png.h", {"framework/files"}},
      {"CLI/", {"launch"}},
      {"Random123/", {"framework/core"}},
      {"nanoflann", {"framework/metrics"}},
      {"boost/", {"framework/metrics"}},
      {"protozero/", {"framework/record", "tests"}},
      {"itk", {"framework/scans"}},
  };
  for (const auto& include : includes()) {
    for (const auto& [header, folders] : places) {
      if (include.target.starts_with(header)) {
        EXPECT_TRUE(folders.contains(include.folder))
            << include.file << " includes " << include.target;
      }
    }
  }
}

TEST(Layout, HeavyTorchHeadersAppearNowhere) {
  for (const auto& include : includes()) {
    for (const char* heavy : {"torch/torch.h", "torch/types.h", "torch/nn", "torch/data",
                              "torch/serialize", "torch/optim"}) {
      EXPECT_FALSE(include.target.starts_with(heavy))
          << include.file << " includes " << include.target;
    }
  }
}

TEST(Layout, NoPluginIncludesAnother) {
  for (const auto& include : includes()) {
    for (const char* folder : {"framework/methods", "framework/backbones", "datasets"}) {
      const fs::path header = kRoot / include.target;
      fs::path source = header;
      if (include.folder != folder || !is_project(include.target)) continue;
      const bool is_plugin_header =
          fs::exists(source.replace_extension(".cpp")) &&
          text_of(source).find("const bool registered") != std::string::npos;
      EXPECT_FALSE(is_plugin_header) << include.file << " includes the plug-in " << include.target;
    }
  }
}

// Plug-ins compile in groups, so their local names must not meet.
TEST(Layout, APluginHasANamespaceOfItsOwn) {
  for (const auto& file : sources()) {
    const std::string text = text_of(file), path = fs::relative(file, kRoot), stem = file.stem();
    if (!std::regex_search(path, std::regex("^datasets/|/(methods|backbones|settings)/"))) continue;
    if (text.find("const bool registered") == std::string::npos) continue;
    EXPECT_NE(text.find("::" + stem + " {\n"), std::string::npos) << file;
  }
}

TEST(Layout, EverySourceStandsInItsFoldersList) {
  for (const auto& file : sources()) {
    if (file.extension() != ".cpp") continue;
    fs::path folder = file.parent_path();
    while (!fs::exists(folder / "CMakeLists.txt")) folder = folder.parent_path();
    const std::string list = text_of(folder / "CMakeLists.txt");
    const std::string stem = file.stem();
    EXPECT_NE(list.find(stem), std::string::npos) << fs::relative(file, kRoot) << " is not built";
  }
}

// A newcomer finds a line's room from the tree alone, so rooms stay small.
TEST(Layout, AFolderHasAboutTwentyFiveEntries) {
  for (const char* top : {"framework", "datasets", "launch", "cluster", "experiments"}) {
    if (!fs::exists(kRoot / top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      if (!entry.is_directory()) continue;
      const int64_t most = std::string(top) == "experiments" ? 60 : 30;  // one for each plug-in
      EXPECT_LE(std::distance(fs::directory_iterator(entry.path()), {}), most) << entry.path();
    }
  }
}

// A plug-in has a file of its own, however short.
TEST(Layout, FilesHaveThirtyToThreeHundredLines) {
  size_t below_thirty = 0;
  for (const auto& file : sources()) {
    const std::string text = text_of(file);
    const auto lines = std::count(text.begin(), text.end(), '\n');
    EXPECT_LE(lines, 300) << fs::relative(file, kRoot);
    below_thirty += lines < 30 && text.find("const bool registered") == std::string::npos;
  }
  EXPECT_LE(100 * below_thirty, 12 * sources().size()) << "of " << sources().size() << " files";
}

TEST(Layout, NothingIsCalledUtilsCommonHelpersOrMisc) {
  for (const auto& file : sources())
    for (const char* word : {"util", "common", "helper", "misc"})
      EXPECT_EQ(fs::relative(file, kRoot).string().find(word), std::string::npos) << file;
}

// True if `path`, written in a file of `folder`, leads out of the tree from there or from the root.
bool leaves_the_tree(const fs::path& folder, const std::string& path) {
  for (const fs::path& start : {folder, kRoot}) {
    const fs::path end = (start / path).lexically_normal().lexically_relative(kRoot);
    if (*end.begin() != "..") return false;
  }
  return true;
}

// Returns the paths of a text that begin with "../", and "../<name>" for `source_folder() / ".."`.
std::vector<std::string> upward_paths(const std::string& text) {
  static const std::regex path(R"re((\.\./)+[A-Za-z_][\w./-]*)re");
  static const std::regex joined(R"re((source_folder\(\)|kRoot)\s*/\s*"\.\.")re");
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), path), end; match != end; ++match)
    found.push_back(match->str());
  if (std::regex_search(text, joined)) found.emplace_back("../../../../../joined");
  return found;
}

TEST(Layout, AnUpwardPathIsSeen) {
  EXPECT_EQ(upward_paths("cat ../beside/x"), std::vector<std::string>{"../beside/x"});
  EXPECT_FALSE(upward_paths("source_folder() / \"..\" / name").empty());
  EXPECT_TRUE(leaves_the_tree(kRoot / "tests", "../../beside/cases"));
  EXPECT_FALSE(leaves_the_tree(kRoot / "launch", "../tests/packages.txt"));
}

// A clone with nothing beside it builds, tests and documents itself.
TEST(Layout, NoPathLeavesTheTree) {
  const std::set<std::string> exempt = {"tests/layout_test.cpp", "tests/data/data_store_test.cpp",
                                        "framework/cmake/dependencies.cmake"};
  for (const char* top : {"framework", "datasets", "experiments", "launch", "tests", ".ci"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      const std::string relative = fs::relative(entry.path(), kRoot);
      if (!entry.is_regular_file() || entry.path().extension() == ".safetensors" ||
          exempt.contains(relative))
        continue;
      for (const std::string& path : upward_paths(text_of(entry.path())))
        EXPECT_FALSE(leaves_the_tree(entry.path().parent_path(), path)) << relative << ": " << path;
    }
  }
}

TEST(Layout, EveryFileNamesItsLicence) {
  for (const auto& file : sources())
    EXPECT_TRUE(text_of(file).starts_with("// SPDX-License-Identifier: Apache-2.0")) << file;
}

TEST(Layout, MainFilesAreShort) {
  for (const auto& file : sources()) {
    const std::string text = text_of(file);
    const bool in_launch = folder_of(fs::relative(file, kRoot)) == "launch";
    if (!in_launch || text.find("\nint main(") == std::string::npos) continue;
    EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 80) << file;
  }
}

}  // namespace
