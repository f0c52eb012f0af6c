// SPDX-License-Identifier: Apache-2.0
#include "launch/parity/case_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <regex>
#include <vector>

#include "framework/config/option_list.h"
#include "framework/core/error.h"

namespace semiseg {

std::string toml_of(const nlohmann::json& value) {
  if (!value.is_structured()) return value.dump();
  std::vector<std::string> parts;
  for (const auto& [key, item] : value.items())
    parts.push_back(value.is_object() ? key + " = " + toml_of(item) : toml_of(item));
  const std::string list = fmt::format("{}", fmt::join(parts, ", "));
  return value.is_object() ? "{" + list + "}" : "[" + list + "]";
}

namespace {

// A list of lists as one list: options have no other.
nlohmann::json without_nesting(const nlohmann::json& value) {
  if (!value.is_array() || value.empty() || !value.front().is_array()) return value;
  nlohmann::json all = nlohmann::json::array();
  for (const auto& list : value) all.insert(all.end(), list.begin(), list.end());
  return all;
}

}  // namespace

std::string toml_lines(const nlohmann::json& options, const std::set<std::string>& without) {
  std::string text;
  for (const auto& [key, value] : options.items()) {
    if (!without.contains(key) && !value.is_null())
      text += key + " = " + toml_of(without_nesting(value)) + "\n";
  }
  return text;
}

std::string unread_options(const Config& config) {
  try {
    config.check_all_read();
  } catch (const Error& error) {
    return error.parts().what;
  }
  return "";
}

void check_options_are_read(const std::string& unread) {
  if (unread.empty()) return;
  throw Error(ErrorKind::kData, {.what = "the case has options that are not known: " + unread});
}

// Returns the options with every dropout of the network at this value. The reader of the network
// names its dropout options and the number of values that each takes.
std::string with_dropout(const BackboneEntry& entry, const std::string& options,
                         const NetworkShape& shape, double dropout) {
  const auto read_options = [&](const Config& config) { entry.read_options(config, shape); };
  std::string text = options;
  for (const OptionRead& read : list_options(read_options, options)) {
    if (read.path.find("dropout") == std::string::npos) continue;
    static const std::regex number("[0-9.]+(e[+-]?[0-9]+)?");
    text += read.path + " = " +
            std::regex_replace(read.default_value, number, fmt::format("{}", dropout)) + "\n";
  }
  return text;
}

}  // namespace semiseg
