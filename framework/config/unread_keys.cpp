// SPDX-License-Identifier: Apache-2.0
// Finds the keys of a configuration that nothing has read: misspelt ones, as a rule.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "framework/config/config.h"
#include "framework/config/value.h"
#include "framework/core/error.h"
#include "framework/core/nearest.h"

namespace semiseg {
namespace {

// The nearest key that was read: the same section first, then the same name elsewhere, then the
// whole path.
std::string nearest_read(const ConfigTree& tree, const std::string& path) {
  const auto [section, key] = split_path(path);
  std::vector<std::string> siblings, namesakes, all = tree.groups;
  for (const OptionRead& read : tree.reads) {
    const auto [read_section, read_key] = split_path(read.path);
    if (read_section == section) siblings.push_back(read_key);
    if (read_key == key) namesakes.push_back(read.path);
    all.push_back(read.path);
  }
  const std::string sibling = nearest(key, siblings);
  if (!sibling.empty()) return join_path(section, sibling);
  return namesakes.empty() ? nearest(path, all) : namesakes.front();
}

}  // namespace

void Config::check_all_read() const {
  std::set<std::string> read;
  for (const OptionRead& option : tree_->reads) read.insert(option.path);
  std::vector<std::string> keys, places, hints;
  const Value* here = find(tree_->root, path_);
  if (here == nullptr) return;
  visit(*here, path_, [&](const std::string& path, const Value& value) {
    if (value.is_section() || read.contains(path)) return;
    keys.push_back(fmt::format("'{}'", path));
    places.push_back(value.origin.where());
    const std::string near = nearest_read(*tree_, path);
    if (!near.empty()) hints.push_back(fmt::format("did you mean '{}'?", near));
  });
  if (keys.empty()) return;
  throw Error(ErrorKind::kConfig,
              {.what = fmt::format("nothing reads {}", fmt::join(keys, ", ")),
               .where = fmt::format("{}", fmt::join(places, ", ")),
               .expected = fmt::format("{}", fmt::join(hints, " ")),
               .fix = "correct or delete it; `semiseg info` lists all options"});
}

}  // namespace semiseg
