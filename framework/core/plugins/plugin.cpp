// SPDX-License-Identifier: Apache-2.0
#include "framework/core/plugins/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <string_view>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/plugins/plugin_abi.h"
#include "framework/core/plugins/registry.h"

namespace semiseg {
namespace {

constexpr std::string_view kMark = SEMISEG_PLUGIN_MARK;
constexpr std::string_view kAbi = SEMISEG_PLUGIN_ABI;
constexpr size_t kLongestAbi = 256;

std::vector<LoadedPlugin>& plugins() {
  static std::vector<LoadedPlugin> loaded;
  return loaded;
}

// The text behind the mark. A program that mentions the mark alone, as this one does, has no ';'
// near it.
std::string abi_of(const std::string& bytes, const std::filesystem::path& path) {
  for (size_t at = bytes.find(kMark); at != std::string::npos; at = bytes.find(kMark, at + 1)) {
    const size_t begin = at + kMark.size(), end = bytes.find(';', begin);
    if (end != std::string::npos && end - begin <= kLongestAbi)
      return bytes.substr(begin, end - begin);
  }
  throw Error(ErrorKind::kConfig,
              {.what = "the file is not a plug-in of semiseg",
               .where = path.string(),
               .expected = "a shared library built with semiseg_plugin(<target>)",
               .fix = "call semiseg_plugin() for the library in its CMakeLists.txt"});
}

void check_abi(const std::string& built_for, const std::filesystem::path& path) {
  if (built_for == kAbi) return;
  throw Error(ErrorKind::kConfig, {.what = "the plug-in was built for another program",
                                   .where = path.string(),
                                   .expected = std::string(kAbi),
                                   .got = built_for,
                                   .fix = "rebuild the plug-in against this installation"});
}

// Runs the initialisers of the library, which register what it brings.
void open_library(const std::filesystem::path& file) {
  TakenNames taken;
  if (::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    throw Error(
        ErrorKind::kConfig,
        {.what = "the plug-in cannot be loaded",
         .where = file.string(),
         .got = ::dlerror(),
         .fix = "link the library that defines the missing symbol, or rebuild the plug-in"});
  }
  if (taken.names.empty()) return;
  throw Error(ErrorKind::kConfig,
              {.what = "the plug-in registers a name that is taken",
               .where = file.string(),
               .expected = "names that neither the program nor another plug-in registers",
               .got = fmt::format("{}", fmt::join(taken.names, ", ")),
               .fix = "rename it, or load one of the two plug-ins only"});
}

std::string checksum_of(const std::string& bytes) {
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

}  // namespace

LoadedPlugin load_plugin(const std::filesystem::path& path) {
  std::error_code code;
  const std::filesystem::path file = std::filesystem::canonical(path, code);
  if (code || !std::filesystem::is_regular_file(file, code)) {
    throw Error(ErrorKind::kConfig,
                {.what = "the plug-in is missing",
                 .where = path.string(),
                 .expected = "a shared library that every rank can read",
                 .fix = "give an absolute path on a file system that all nodes share"});
  }
  const auto is_this = [&file](const LoadedPlugin& plugin) { return plugin.path == file.string(); };
  const auto known = std::find_if(plugins().begin(), plugins().end(), is_this);
  if (known != plugins().end()) return *known;
  const std::string bytes = read_file(file);
  check_abi(abi_of(bytes, file), file);
  open_library(file);
  plugins().push_back({.path = file.string(), .checksum = checksum_of(bytes)});
  return plugins().back();
}

const std::vector<LoadedPlugin>& loaded_plugins() { return plugins(); }

}  // namespace semiseg
