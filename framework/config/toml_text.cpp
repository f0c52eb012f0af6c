// SPDX-License-Identifier: Apache-2.0
#include "framework/config/toml.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "framework/core/error.h"

namespace semiseg {
namespace {

std::string float_text(double number) {
  if (std::isnan(number)) return "nan";
  std::string text = fmt::format("{}", number);
  // A whole number needs its point, or it would come back as an integer.
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

// Each backslash right before "${" is doubled and one more added: the inverse of what interpolation
// takes away.
std::string escape_interpolation(const std::string& text) {
  std::string result;
  size_t backslashes = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "${") == 0) result.append(backslashes + 1, '\\');
    backslashes = text[i] == '\\' ? backslashes + 1 : 0;
    result += text[i];
  }
  return result;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      result += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string key_text(const std::string& key) {
  const bool bare = std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || c == '_' || c == '-');
  });
  return bare ? key : quoted(key);
}

std::string inline_section(const Section& section) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : section) {
    parts.push_back(fmt::format("{} = {}", key_text(key), value_text(value)));
  }
  std::sort(parts.begin(), parts.end());
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

void append_section(std::string& text, const Section& section, const std::string& header,
                    bool origins) {
  const auto is_section = [](const Entry& entry) { return entry.value.is_section(); };
  if (!header.empty() &&
      (section.empty() || !std::all_of(section.begin(), section.end(), is_section))) {
    text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", header);
  }
  for (const auto& [key, value] : section) {
    if (value.is_section()) continue;
    text += fmt::format("{} = {}", key_text(key), value_text(value));
    text += origins ? fmt::format("  # {}\n", value.origin.label()) : "\n";
  }
  for (const auto& [key, value] : section) {
    if (!value.is_section()) continue;
    append_section(text, std::get<Section>(value.data), join_path(header, key_text(key)), origins);
  }
}

bool covers(const std::string& ignored, const std::string& path) {
  return path == ignored || path.starts_with(ignored + ".");
}

}  // namespace

std::string value_text(const Value& value) {
  if (const auto* list = std::get_if<List>(&value.data)) {
    std::vector<std::string> parts;
    for (const Value& element : *list) parts.push_back(value_text(element));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  if (const auto* section = std::get_if<Section>(&value.data)) return inline_section(*section);
  if (const auto* text = std::get_if<std::string>(&value.data)) {
    return quoted(escape_interpolation(*text));
  }
  return plain_text(value);
}

std::string plain_text(const Value& scalar) {
  if (const auto* flag = std::get_if<bool>(&scalar.data)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&scalar.data)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&scalar.data)) return float_text(*number);
  const auto* text = std::get_if<std::string>(&scalar.data);
  SEMISEG_CHECK(text != nullptr, "plain text of a " + type_name(scalar));
  return *text;
}

std::string section_text(const Value& section, bool origins) {
  std::string text;
  append_section(text, std::get<Section>(section.data), "", origins);
  return text;
}

std::string canonical_text(const Value& section, const std::string& path,
                           const std::vector<std::string>& ignored) {
  std::vector<std::string> lines;
  visit(section, path, [&](const std::string& below, const Value& value) {
    const bool skip = value.is_section() ||
                      std::any_of(ignored.begin(), ignored.end(),
                                  [&](const std::string& name) { return covers(name, below); });
    if (!skip) lines.push_back(fmt::format("{} = {}\n", below, value_text(value)));
  });
  std::sort(lines.begin(), lines.end());
  return fmt::format("{}", fmt::join(lines, ""));
}

}  // namespace semiseg
