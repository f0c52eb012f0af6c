// SPDX-License-Identifier: Apache-2.0
// The settings of a configuration that can change a result: runs with equal settings are one run.
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "framework/config/config.h"
#include "framework/config/toml.h"
#include "framework/config/value.h"

namespace semiseg {
namespace {

// Whole numbers where the option is a float become floats, so that 10 and 10.0 are one value.
Value in_type(const OptionRead& option, Value value) {
  if (!option.type.ends_with("float")) return value;
  if (const auto* whole = std::get_if<int64_t>(&value.data)) {
    value.data = static_cast<double>(*whole);
  } else if (auto* list = std::get_if<List>(&value.data)) {
    for (Value& element : *list) element = in_type(option, element);
  }
  return value;
}

// The same names in both directions: by the former one, or by the present one.
using Names = std::map<std::string, std::string>;

// The text with the other name in it, when it is one of `names` in quotes.
std::string with_other_name(const std::string& text, const Names& names) {
  for (const auto& [from, to] : names) {
    if (text == fmt::format("\"{}\"", from)) return fmt::format("\"{}\"", to);
  }
  return text;
}

Names reversed(const Names& names) {
  Names result;
  for (const auto& [from, to] : names) result.emplace(to, from);
  return result;
}

// Returns the present names of the values of an option by the former ones.
Names names_at(const ConfigTree& tree, const std::string& path) {
  const auto found = tree.renamed.find(path);
  return found == tree.renamed.end() ? Names() : found->second;
}

}  // namespace

const std::map<std::string, std::string>& Config::choices() const { return tree_->choices; }

void Config::renamed(std::string_view key,
                     const std::map<std::string, std::string>& present) const {
  tree_->renamed[join_path(path_, key)] = present;
}

std::map<std::string, std::string> Config::overridden() const {
  auto chosen = std::make_shared<ConfigTree>();
  chosen->root = tree_->chosen;
  const auto before = settings_of(Config(std::move(chosen)));
  std::map<std::string, std::string> result;
  for (const auto& [path, setting] : settings()) {
    const Value* here = find(std::as_const(tree_->root), path);
    const Value* there = find(std::as_const(tree_->chosen), path);
    // A value that only refers to another one has kept its place.
    if (here && there && here->origin.where() == there->origin.where()) continue;
    const auto old = before.find(path);
    if (old == before.end() || old->second.value != setting.value) result[path] = setting.value;
  }
  return result;
}

std::map<std::string, OptionValue> Config::settings() const { return settings_of(*this); }

std::map<std::string, OptionValue> Config::settings_of(const Config& other) const {
  std::map<std::string, OptionValue> result;
  visit(other.tree_->root, "", [&](const std::string& path, const Value& value) {
    if (!value.is_section()) result[path] = {.value = value_text(value)};
  });
  for (const OptionRead& option : tree_->reads) {
    if (option.effect != Effect::kResult) {
      result.erase(option.path);
      continue;
    }
    const Value* given = find(other.tree_->root, option.path);
    if (given == nullptr && option.default_value.empty()) continue;  // required, and not given
    const std::string value =
        given == nullptr ? option.default_value : value_text(in_type(option, *given));
    result[option.path] = {.value = with_other_name(value, names_at(*tree_, option.path)),
                           .is_default = value == option.default_value};
  }
  return result;
}

uint64_t Config::identity(const std::vector<std::string>& without) const {
  std::string text;
  for (const auto& [path, setting] : settings()) {
    if (setting.is_default || std::find(without.begin(), without.end(), path) != without.end())
      continue;
    const Names former = reversed(names_at(*tree_, path));
    text += fmt::format("{} = {}\n", path, with_other_name(setting.value, former));
  }
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace semiseg
