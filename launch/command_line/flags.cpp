// SPDX-License-Identifier: Apache-2.0
#include "launch/command_line/flags.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <type_traits>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/process.h"
#include "framework/run/places.h"

namespace semiseg {
namespace {

template <typename Value>
CLI::Option* add_to(CLI::App& app, const std::string& names, Value& value,
                    const std::string& help) {
  if constexpr (std::is_same_v<Value, bool>) {
    return app.add_flag(names, value, help);
  } else {
    CLI::Option* option = app.add_option(names, value, help);
    if constexpr (std::is_arithmetic_v<Value>) {
      option->capture_default_str();
    } else if constexpr (!std::is_same_v<Value, std::optional<int64_t>>) {
      if (!value.empty()) option->capture_default_str();
    }
    if constexpr (std::is_same_v<Value, std::filesystem::path> ||
                  std::is_same_v<Value, std::vector<std::filesystem::path>>) {
      option->transform(
          [names](const std::string& text) { return with_home(text, names, environment()); });
    }
    if constexpr (std::is_same_v<Value, int64_t> || std::is_same_v<Value, std::optional<int64_t>> ||
                  std::is_same_v<Value, std::vector<int64_t>>)
      option->check(CLI::NonNegativeNumber);
    // One word for each time the option is given, so that it does not swallow what stands behind.
    if (names.starts_with("-") && option->get_items_expected_max() > 1)
      option->delimiter(',')->allow_extra_args(false);
    return option;
  }
}

}  // namespace

Flags::Flags(const std::string& verb, const std::string& description, const std::string& examples)
    : app_(std::make_unique<CLI::App>(description, verb)) {
  app_->footer(examples);
}

Flags::~Flags() = default;

template <typename Value>
void Flags::add(const std::string& names, Value& value, const std::string& help) {
  add_to(*app_, names, value, help);
}

template <typename Value>
void Flags::require(const std::string& names, Value& value, const std::string& help) {
  add_to(*app_, names, value, help)->required();
}

void Flags::choose(const std::string& names, std::string& value,
                   const std::vector<std::string>& members, const std::string& help) {
  add_to(*app_, names, value, help)->check(CLI::IsMember(members));
}

std::optional<int> Flags::parse(const Arguments& arguments) {
  Arguments reversed(arguments.rbegin(), arguments.rend());  // CLI11 takes them from the back
  try {
    app_->parse(reversed);
  } catch (const CLI::CallForHelp&) {
    std::cout << app_->help();
    return 0;
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorKind::kConfig,
                {.what = error.what(), .fix = "semiseg " + app_->get_name() + " --help"});
  }
  return std::nullopt;
}

#define SEMISEG_FLAG_VALUE(...)                                                   \
  template void Flags::add(const std::string&, __VA_ARGS__&, const std::string&); \
  template void Flags::require(const std::string&, __VA_ARGS__&, const std::string&)
SEMISEG_FLAG_VALUE(std::string);
SEMISEG_FLAG_VALUE(std::filesystem::path);
SEMISEG_FLAG_VALUE(bool);
SEMISEG_FLAG_VALUE(int64_t);
SEMISEG_FLAG_VALUE(std::optional<int64_t>);
SEMISEG_FLAG_VALUE(double);
SEMISEG_FLAG_VALUE(std::vector<std::string>);
SEMISEG_FLAG_VALUE(std::vector<std::filesystem::path>);
SEMISEG_FLAG_VALUE(std::vector<double>);
SEMISEG_FLAG_VALUE(std::vector<int64_t>);
#undef SEMISEG_FLAG_VALUE

}  // namespace semiseg
