// SPDX-License-Identifier: Apache-2.0
// The settings of a configuration that can change a result: runs with equal settings are one run.
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "framework/config/config.h"
#include "framework/config/toml_text.h"
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

}  // namespace

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
    result[option.path] = {.value = value, .is_default = value == option.default_value};
  }
  return result;
}

uint64_t Config::identity(const std::vector<std::string>& without) const {
  std::string text;
  for (const auto& [path, setting] : settings()) {
    if (setting.is_default || std::find(without.begin(), without.end(), path) != without.end())
      continue;
    text += fmt::format("{} = {}\n", path, setting.value);
  }
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace semiseg
