// SPDX-License-Identifier: Apache-2.0
#include "framework/config/toml.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <cctype>

#include "framework/core/error.h"

namespace semiseg {
namespace {

Value convert(const toml::node& node, const Origin& origin);

List convert_list(const toml::array& array, const Origin& origin) {
  List list;
  for (const toml::node& node : array) {
    list.push_back(convert(node, {origin.source, node.source().begin.line}));
  }
  return list;
}

// toml++ keeps keys sorted; the position in the text restores the author's order.
Section convert_section(const toml::table& table, const std::string& source) {
  struct Placed {
    toml::source_position at;
    Entry entry;
  };
  std::vector<Placed> placed;
  for (const auto& [key, node] : table) {
    const toml::source_position at = key.source().begin;
    const Origin origin{source, at.line};
    placed.push_back({at, {std::string(key.str()), convert(node, origin)}});
  }
  std::stable_sort(placed.begin(), placed.end(),
                   [](const Placed& a, const Placed& b) { return a.at < b.at; });
  Section section;
  for (auto& [at, entry] : placed) section.push_back(std::move(entry));
  return section;
}

Value convert(const toml::node& node, const Origin& origin) {
  switch (node.type()) {
    case toml::node_type::table:
      return {convert_section(*node.as_table(), origin.source), origin};
    case toml::node_type::array:
      return {convert_list(*node.as_array(), origin), origin};
    case toml::node_type::string:
      return {node.as_string()->get(), origin};
    case toml::node_type::integer:
      return {node.as_integer()->get(), origin};
    case toml::node_type::floating_point:
      return {node.as_floating_point()->get(), origin};
    case toml::node_type::boolean:
      return {node.as_boolean()->get(), origin};
    default:
      throw Error(ErrorKind::kConfig, {.what = "dates and times are not used here",
                                       .where = origin.where(),
                                       .fix = "put the date in quotes"});
  }
}

// Paths do not reach into lists, so there (as in a defaults list) a key may look as it likes.
void check_keys(const Section& section) {
  for (const auto& [key, value] : section) {
    if (key.empty() || key.find('.') != std::string::npos) {
      throw Error(ErrorKind::kConfig,
                  {.what = fmt::format("the key \"{}\" is empty or contains a dot", key),
                   .where = value.origin.where(),
                   .expected = "a key without dots: paths are written with them"});
    }
    if (value.is_section()) check_keys(std::get<Section>(value.data));
  }
}

// toml++ and what walks its tree are recursive: a key of thousands of parts would end the program.
void check_depth(std::string_view text, const std::string& source) {
  constexpr int kDeepest = 100;
  int64_t line = 1;
  int dots = 0;
  bool has_part = false;  // since the last dot: "....." in a comment is no key
  for (const char c : text) {
    line += c == '\n';
    const auto letter = static_cast<unsigned char>(c);
    const bool is_part = std::isalnum(letter) || letter >= 128 ||
                         std::string_view("_-\"'").find(c) != std::string_view::npos;
    if (c == '.') {
      dots = has_part ? dots + 1 : 0;
      has_part = false;
    } else if (is_part) {
      has_part = true;
    } else if (c != ' ' && c != '\t') {
      dots = 0;
      has_part = false;
    }
    if (dots > kDeepest) {
      throw Error(ErrorKind::kConfig, {.what = "a key has too many parts",
                                       .where = Origin{source, line}.where(),
                                       .expected = fmt::format("at most {}", kDeepest)});
    }
  }
}

}  // namespace

Value parse_toml(std::string_view text, const std::string& source) {
  check_depth(text, source);
  try {
    Section root = convert_section(toml::parse(text, source), source);
    check_keys(root);
    return {std::move(root), {source}};
  } catch (const toml::parse_error& error) {
    throw Error(ErrorKind::kConfig, {.what = fmt::format("not valid TOML: {}", error.description()),
                                     .where = Origin{source, error.source().begin.line}.where()});
  }
}

}  // namespace semiseg
