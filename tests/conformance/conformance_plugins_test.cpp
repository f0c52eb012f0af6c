// SPDX-License-Identifier: Apache-2.0
// A plug-in costs one source file, one line in a list and one TOML.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "framework/data/dataset.h"
#include "framework/data/setting.h"
#include "framework/data/transforms/transform.h"
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

// The plug-ins of one kind: their names, the folder of their sources, and the group of their TOML
// files; no group: a plug-in of this kind has none.
struct Kind {
  std::vector<std::string> names;
  std::string folder, group;
};

template <class Registry>
Kind kind_of(const std::string& folder, const std::string& group) {
  // Leaves out what this binary itself registers.
  std::vector<std::string> names = Registry::instance().names();
  std::erase_if(names, [](const std::string& name) { return name.starts_with("test_"); });
  return {names, folder, group};
}

std::vector<Kind> kinds() {
  return {kind_of<MethodRegistry>("framework/methods", "method"),
          kind_of<BackboneRegistry>("framework/backbones", "backbone"),
          kind_of<DatasetRegistry>("datasets", "dataset"),
          kind_of<SettingRegistry>("framework/settings", "setting"),
          kind_of<TransformRegistry>("framework/data/transforms", "")};
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  return files;
}

// Stems of the files below a folder that register a plug-in.
std::set<std::string> plugin_files(const fs::path& folder) {
  std::set<std::string> stems;
  for (const auto& file : files_below(folder))
    if (file.extension() == ".cpp" &&
        text_of(file).find("const bool registered") != std::string::npos)
      stems.insert(file.stem());
  return stems;
}

// Number of lines of all source lists that name the file.
int list_lines(const fs::path& root, const std::string& file) {
  const std::regex word("\\b" + file + "\\b");
  int lines = 0;
  for (const char* top : {"framework", "datasets", "launch"})
    for (const auto& path : files_below(root / top)) {
      if (path.filename() != "CMakeLists.txt") continue;
      const std::string list = text_of(path);
      lines +=
          static_cast<int>(std::distance(std::sregex_iterator(list.begin(), list.end(), word), {}));
    }
  return lines;
}

TEST(Plugins, FileStemIsTheRegisteredName) {
  for (const auto& kind : kinds())
    EXPECT_EQ(plugin_files(source_folder() / kind.folder),
              std::set<std::string>(kind.names.begin(), kind.names.end()));
}

// A discriminator has no TOML, because methods ask for it by name and nobody trains it as backbone.
bool has_toml(const Kind& kind, const std::string& name) {
  return !kind.group.empty() && !name.starts_with("discriminator");
}

TEST(Plugins, EachCostsOneSourceFileOneLineInAListAndOneToml) {
  const fs::path root = source_folder();
  for (const auto& kind : kinds())
    for (const auto& name : kind.names) {
      std::set<std::string> files;
      for (const auto& file : files_below(root / kind.folder))
        if (file.stem() == name) files.insert(file.filename());
      // Parity cases call the functions of a transform, so it may have a header.
      if (kind.group.empty()) files.erase(name + ".h");
      EXPECT_EQ(files, std::set<std::string>{name + ".cpp"});
      EXPECT_EQ(list_lines(root, name + "\\.cpp"), 1) << name << ": lines in a source list";
      const fs::path toml = root / "experiments" / kind.group / (name + ".toml");
      EXPECT_TRUE(!has_toml(kind, name) || fs::exists(toml)) << toml;
    }
}

}  // namespace
}  // namespace semiseg
