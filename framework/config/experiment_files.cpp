// SPDX-License-Identifier: Apache-2.0
#include "framework/config/experiment_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "framework/config/literal.h"
#include "framework/config/toml.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/plugins/registry.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail_entry(const Value& value) {
  throw Error(
      ErrorKind::kConfig,
      {.what = "this is not an entry of a defaults list",
       .where = value.origin.where(),
       .expected = R"("file", {group = "option"}, {"group@package" = "option"} or "_self_")",
       .got = value_text(value)});
}

// "name@package" → both parts.
void set_name(DefaultsEntry& entry, const std::string& text) {
  const size_t at = text.find('@');
  entry.name = text.substr(0, at);
  if (at != std::string::npos) entry.package = text.substr(at + 1);
}

DefaultsEntry parse_entry(const Value& value) {
  DefaultsEntry entry{.origin = value.origin};
  if (const auto* text = std::get_if<std::string>(&value.data)) {
    if (*text == "_self_") return entry;
    entry.kind = DefaultsEntry::Kind::kFile;
    set_name(entry, *text);
  } else if (const auto* section = std::get_if<Section>(&value.data);
             section && section->size() == 1) {
    const auto* option = std::get_if<std::string>(&section->front().value.data);
    if (option == nullptr) fail_entry(value);
    entry.kind = DefaultsEntry::Kind::kGroup;
    entry.option = *option;
    set_name(entry, section->front().key);
  } else {
    fail_entry(value);
  }
  if (entry.name.empty() || entry.name == "/") fail_entry(value);
  return entry;
}

// Takes the key "defaults" out of the content. Without "_self_" the file itself comes last.
std::vector<DefaultsEntry> take_defaults(Value& content) {
  std::vector<DefaultsEntry> entries;
  const auto is_self = [](const DefaultsEntry& entry) {
    return entry.kind == DefaultsEntry::Kind::kSelf;
  };
  if (const Value* list = find(content, "defaults")) {
    if (!std::holds_alternative<List>(list->data)) fail_entry(*list);
    for (const Value& value : std::get<List>(list->data)) {
      entries.push_back(parse_entry(value));
      if (std::count_if(entries.begin(), entries.end(), is_self) > 1) fail_entry(value);
    }
    std::erase_if(std::get<Section>(content.data),
                  [](const Entry& entry) { return entry.key == "defaults"; });
  }
  if (std::none_of(entries.begin(), entries.end(), is_self)) entries.push_back({});
  return entries;
}

// The comment lines before the first other line.
void read_head(const std::string& text, ExperimentFile& file) {
  constexpr std::string_view kPackage = "@package ", kFormerly = "@formerly ";
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view trimmed = trim(line);
    if (trimmed.empty()) continue;
    if (trimmed[0] != '#') break;
    const std::string_view comment = trim(trimmed.substr(1));
    if (comment.starts_with(kPackage)) {
      file.package = trim(comment.substr(kPackage.size()));
    } else if (comment.starts_with(kFormerly)) {
      file.former = trim(comment.substr(kFormerly.size()));
    } else if (file.summary.empty() && !comment.starts_with("SPDX")) {
      file.summary = comment;
    }
  }
}

// Words of the command line are tried as names: one that no file can have, because it is too long,
// is no error of the file system.
bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// "dataset/acdc" → {"dataset", "acdc"}; a name without a slash has the group "".
std::pair<std::string, std::string> split_name(const std::string& name) {
  const size_t slash = name.rfind('/');
  if (slash == std::string::npos) return {"", name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

}  // namespace

ExperimentFiles::ExperimentFiles(std::vector<fs::path> search) : search_(std::move(search)) {}

const ExperimentFile* ExperimentFiles::find(const std::string& name) {
  const ExperimentFile* file = find_present(name);
  return file != nullptr ? file : find_former(name);
}

// Reads all options of the group, which only a name that is not there costs.
const ExperimentFile* ExperimentFiles::find_former(const std::string& name) {
  const auto [group, option] = split_name(name);
  for (const std::string& present : options(group)) {
    const ExperimentFile* file = find_present(group.empty() ? present : group + "/" + present);
    if (file == nullptr || file->former != option) continue;
    say_renamed(option, present);
    return file;
  }
  return nullptr;
}

const ExperimentFile* ExperimentFiles::find_present(const std::string& name) {
  if (const auto known = files_.find(name); known != files_.end()) return &known->second;
  for (const fs::path& folder : search_) {
    const fs::path path = folder / (name + ".toml");
    if (!is_file(path)) continue;
    const std::string text = read_file(path);
    ExperimentFile file{.name = name, .path = path, .content = parse_toml(text, path.string())};
    file.defaults = take_defaults(file.content);
    read_head(text, file);
    return &files_.emplace(name, std::move(file)).first->second;
  }
  return nullptr;
}

std::vector<std::string> ExperimentFiles::options(const std::string& group) const {
  std::set<std::string> names;
  for (const fs::path& folder : search_) {
    if (!is_folder(folder / group)) continue;
    for (const auto& entry : fs::directory_iterator(folder / group)) {
      if (entry.path().extension() == ".toml") names.insert(entry.path().stem().string());
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> ExperimentFiles::groups() const {
  std::set<std::string> names;
  for (const fs::path& folder : search_) {
    if (!is_folder(folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_directory())
        names.insert(entry.path().lexically_relative(folder).generic_string());
    }
  }
  std::erase_if(names, [this](const std::string& name) { return options(name).empty(); });
  return {names.begin(), names.end()};
}

bool ExperimentFiles::is_group(const std::string& name) const {
  return !name.empty() && std::any_of(search_.begin(), search_.end(), [&](const fs::path& folder) {
    return is_folder(folder / name);
  });
}

}  // namespace semiseg
