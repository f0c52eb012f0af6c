// SPDX-License-Identifier: Apache-2.0
#include "framework/run/places.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/comm/launch_environment.h"
#include "framework/core/error.h"
#include "framework/core/plugins/plugin.h"
#include "framework/core/process.h"
#include "framework/run/run_options.h"

namespace semiseg {

namespace fs = std::filesystem;
namespace {

// None when the configuration has no such text.
std::optional<std::string> text_of(const Config& config, const std::string& section,
                                   const std::string& key) {
  const Config below = config.section(section);
  if (!below.has(key)) return std::nullopt;
  std::string text;
  below.read(key, text, "place on the disk");
  return text;
}

// The value of an override that is a list of texts.
std::string quoted_list(const std::vector<std::string>& texts) {
  std::string result;
  for (const std::string& text : texts) result += (result.empty() ? "" : ",") + quoted_value(text);
  return "[" + result + "]";
}

// Loads the plug-ins, whose files then count and not the places that they lie in.
void add_plugins(ComposeRequest& request, const Config& config) {
  std::vector<std::string> paths, checksums;
  config.read("plugins", paths, "places on the disk");
  if (paths.empty()) return;
  for (std::string& path : paths) {
    path =
        fs::absolute(with_home(path, "plugins", request.environment)).lexically_normal().string();
    checksums.push_back(load_plugin(path).checksum);
  }
  request.overrides.push_back("++plugins=" + quoted_list(paths));
  request.overrides.push_back("++plugin_checksums=" + quoted_list(checksums));
}

}  // namespace

std::string quoted_value(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

std::string with_home(const std::string& text, const std::string& where,
                      const std::map<std::string, std::string>& environment) {
  if (text != "~" && !text.starts_with("~/")) return text;
  const auto home = environment.find("HOME");
  if (home != environment.end() && !home->second.empty()) return home->second + text.substr(1);
  throw Error(ErrorKind::kConfig, {.what = "~ stands for no folder, because HOME is not set",
                                   .where = where,
                                   .got = text,
                                   .fix = "write the whole path"});
}

ComposeRequest with_whole_places(ComposeRequest request) {
  Composer composer(request.search);
  return with_whole_places(std::move(request), composer);
}

ComposeRequest with_whole_places(ComposeRequest request, Composer& composer) {
  const Config config = composer.compose(request);
  const auto set = [&](const std::string& section, const std::string& key, bool is_kept) {
    const auto text = text_of(config, section, key);
    if (!text || text->empty()) return;
    const std::string path = with_home(*text, section + "." + key, request.environment);
    const std::string whole = is_kept ? fs::absolute(path).lexically_normal().string() : path;
    if (whole != *text && whole.find("${") == std::string::npos)
      request.overrides.push_back("++" + section + "." + key + "=" + quoted_value(whole));
  };
  set("dataset", "root", /*is_kept=*/true);
  for (const std::string& part : config.section("dataset").section("parts").sections())
    set("dataset.parts." + part, "root", /*is_kept=*/true);
  set("run", "root", /*is_kept=*/false);
  set("run", "dir", /*is_kept=*/false);
  add_plugins(request, config);
  return request;
}

FolderOptions FolderOptions::read(const Config& run) {
  FolderOptions o;
  run.read("root", o.root,
           "Folder that run folders are made in. Set it to a disk with space for checkpoints that "
           "all nodes see.",
           Effect::kNone);
  run.read("dir", o.directory,
           "Run folder to use instead of one that is named for the configuration: a new one, or "
           "one that holds this configuration. Set it where a script needs to know the name.",
           Effect::kNone);
  return o;
}

RunFolderRequest folder_request(const Config& config) {
  read_all_options(config);
  const FolderOptions options = FolderOptions::read(config.section("run"));
  return {.root = options.root,
          .directory = options.directory,
          .method = config.section("method").required("name", "method"),
          .dataset = config.section("dataset").required("name", "data set"),
          .job = LaunchEnvironment::read(environment()).job,
          .now = now_seconds()};
}

}  // namespace semiseg
