// SPDX-License-Identifier: Apache-2.0
#include "framework/config/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "framework/config/literal.h"
#include "framework/core/error.h"

namespace semiseg {

std::string Origin::label() const { return line > 0 ? fmt::format("{}:{}", source, line) : source; }

std::string Origin::where() const {
  return override.empty() ? label() : fmt::format("{}: {}", source, override);
}

std::string type_name(const Value& value) {
  static const std::array<std::string, 6> kNames = {"boolean", "integer", "float",
                                                    "string",  "list",    "section"};
  return kNames.at(value.data.index());
}

std::string join_path(std::string_view section, std::string_view key) {
  if (section.empty() || key.empty()) return std::string(section.empty() ? key : section);
  return fmt::format("{}.{}", section, key);
}

std::pair<std::string, std::string> split_path(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return {"", std::string(path)};
  return {std::string(path.substr(0, dot)), std::string(path.substr(dot + 1))};
}

const Value* find(const Value& root, std::string_view path) {
  const Value* value = &root;
  while (!path.empty() && value != nullptr) {
    const std::string_view key = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), key.size() + 1));
    const auto* section = std::get_if<Section>(&value->data);
    if (section == nullptr) return nullptr;
    const auto found = std::find_if(section->begin(), section->end(),
                                    [key](const Entry& entry) { return entry.key == key; });
    value = found == section->end() ? nullptr : &found->value;
  }
  return value;
}

Value* find(Value& root, std::string_view path) {
  return const_cast<Value*>(find(std::as_const(root), path));
}

Value& make_section(Value& root, std::string_view path, const Origin& origin) {
  Value* value = &root;
  while (!path.empty()) {
    const std::string_view key = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), key.size() + 1));
    Value* below = find(*value, key);
    if (below == nullptr) {
      auto& section = std::get<Section>(value->data);
      section.push_back({std::string(key), {Section{}, origin}});
      below = &section.back().value;
    }
    if (!below->is_section()) {
      throw Error(ErrorKind::kConfig,
                  {.what = fmt::format("'{}' holds a value, so nothing can lie below it", key),
                   .where = origin.where(),
                   .expected = "a section",
                   .got = fmt::format("{} from {}", type_name(*below), below->origin.where())});
    }
    value = below;
  }
  return *value;
}

namespace {

// True for text that is more than one ${…}, which may be of any type.
bool is_plain_text(const Value& value) {
  const auto* text = std::get_if<std::string>(&value.data);
  return text != nullptr &&
         (!text->starts_with("${") || interpolation_end(*text, 0) != text->size());
}

}  // namespace

void merge(Value& into, const Value& from, const std::string& path) {
  if (into.is_section() != from.is_section()) {
    throw Error(
        ErrorKind::kConfig,
        {.what = fmt::format("'{}' is a section in one place and a value in another", path),
         .where = from.origin.where(),
         .expected = fmt::format("{}, as set by {}", type_name(into), into.origin.where()),
         .got = type_name(from),
         .fix = into.is_section() ? fmt::format("set a key of the section: {}.KEY=…", path) : ""});
  }
  if (!from.is_section()) {
    const bool is_text = into.is_text || is_plain_text(into);
    into = from;
    into.is_text = is_text;
    return;
  }
  for (const auto& [key, value] : std::get<Section>(from.data)) {
    if (Value* present = find(into, key)) {
      merge(*present, value, join_path(path, key));
    } else {
      std::get<Section>(into.data).push_back({key, value});
    }
  }
}

void visit(const Value& section, const std::string& path,
           const std::function<void(const std::string&, const Value&)>& callback) {
  for (const auto& [key, value] : std::get<Section>(section.data)) {
    const std::string below = join_path(path, key);
    callback(below, value);
    if (value.is_section()) visit(value, below, callback);
  }
}

std::vector<std::string> paths(const Value& root, bool only_sections) {
  std::vector<std::string> result;
  visit(root, "", [&](const std::string& path, const Value& value) {
    if (!only_sections || value.is_section()) result.push_back(path);
  });
  return result;
}

}  // namespace semiseg
