// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/axes.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "framework/config/literal.h"
#include "framework/core/error.h"

namespace semiseg::cluster {
namespace {

constexpr int64_t kMostPoints = 100000;

[[noreturn]] void fail(const std::string& argument, std::string what, std::string expected = "",
                       std::string fix = "") {
  throw Error(ErrorKind::kConfig, {.what = std::move(what),
                                   .where = "command line: " + argument,
                                   .expected = std::move(expected),
                                   .fix = std::move(fix)});
}

// Returns the position behind the quoted text that starts at `at`.
size_t quote_end(std::string_view text, size_t at) {
  const char mark = text[at++];
  while (at < text.size() && text[at] != mark) at += text[at] == '\\' ? 2 : 1;
  return at + 1;
}

// Splits at the commas outside quotes and brackets. Brackets that do not close are left to the
// parser of overrides, which says so.
std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  size_t begin = 0, at = 0;
  int depth = 0;
  bool is_value_start = true;  // a quote within a word is an ordinary character here
  while (at < text.size()) {
    const char c = text[at];
    if ((c == '\'' || c == '"') && is_value_start) {
      at = quote_end(text, at);
      is_value_start = false;
      continue;
    }
    if (c == '\\') {
      at += 2;
      continue;
    }
    if (std::string_view("[{(").find(c) != std::string_view::npos) ++depth;
    if (std::string_view("]})").find(c) != std::string_view::npos) --depth;
    if (c == ',' && depth == 0) {
      parts.emplace_back(trim(text.substr(begin, at - begin)));
      begin = at + 1;
    }
    is_value_start = std::string_view(",[{(:=").find(c) != std::string_view::npos ||
                     (is_value_start && c == ' ');
    ++at;
  }
  parts.emplace_back(trim(text.substr(std::min(begin, text.size()))));
  return parts;
}

// Returns the text between "name(" and the last ")"; none when the text has another form.
std::optional<std::string_view> call(std::string_view text, std::string_view name) {
  if (!text.starts_with(name) || !text.ends_with(')') || text.substr(name.size())[0] != '(')
    return std::nullopt;
  return text.substr(name.size() + 1, text.size() - name.size() - 2);
}

double number_of(const Value& value) {
  const auto* whole = std::get_if<int64_t>(&value.data);
  return whole != nullptr ? static_cast<double>(*whole) : std::get<double>(value.data);
}

std::vector<std::string> range_values(const std::string& argument, std::string_view inside) {
  std::vector<Value> numbers;
  for (const std::string& part : split_at_commas(inside)) {
    const auto literal = parse_literal(part);
    const bool is_number = literal && !std::holds_alternative<bool>(literal->data) &&
                           std::isfinite(number_of(*literal));
    if (!is_number) fail(argument, fmt::format("'{}' is no number of a range", part), "range(0,5)");
    numbers.push_back(*literal);
  }
  if (numbers.size() > 3)
    fail(argument, "a range has too many numbers", "range(stop), range(start,stop[,step])");
  if (numbers.size() == 1) numbers.insert(numbers.begin(), Value{int64_t{0}, {}});
  if (numbers.size() == 2) numbers.push_back(Value{int64_t{1}, {}});
  const double start = number_of(numbers[0]), stop = number_of(numbers[1]);
  const double step = number_of(numbers[2]);
  // 0.3 / 0.1 is a little less than 3.
  const double count = step == 0 ? 0 : std::ceil((stop - start) / step - 1e-9);
  if (count < 1 || count > static_cast<double>(kMostPoints)) {
    fail(argument, fmt::format("the range has {} values", step == 0 ? 0 : std::max(0.0, count)),
         fmt::format("1 to {}", kMostPoints), "the stop is not included: range(0,3) is 0, 1, 2");
  }
  const bool is_whole = std::all_of(numbers.begin(), numbers.end(), [](const Value& value) {
    return std::holds_alternative<int64_t>(value.data);
  });
  std::vector<std::string> values;
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i) {
    const double value = start + static_cast<double>(i) * step;
    // Twelve digits: 0.1 + 2 · 0.1 is meant to be 0.3.
    values.push_back(is_whole ? fmt::format("{}", static_cast<int64_t>(value))
                              : fmt::format("{:.12g}", value));
  }
  return values;
}

// The values of "x,y" or "range(…)" or both.
std::vector<std::string> values_of(const std::string& argument, std::string_view text) {
  std::vector<std::string> values;
  const std::vector<std::string> parts = split_at_commas(text);
  for (const std::string& part : parts) {
    if (const auto range = call(part, "range")) {
      const auto numbers = range_values(argument, *range);
      values.insert(values.end(), numbers.begin(), numbers.end());
    } else {
      if (part.empty() && parts.size() > 1)
        fail(argument, "a value between the commas is empty", "a=1,2", "'' is empty text");
      values.push_back(part);
    }
  }
  return values;
}

// "+a.b=…" → "+a.b" and the text behind '='.
std::pair<std::string, std::string_view> split_argument(const std::string& whole,
                                                        std::string_view argument) {
  const size_t equals = argument.find('=');
  if (equals == std::string_view::npos)
    fail(whole, fmt::format("'{}' has no '='", argument), "zip(a=[1,2],b=[x,y])");
  return {std::string(trim(argument.substr(0, equals))), trim(argument.substr(equals + 1))};
}

std::string without_prefix(const std::string& key) {
  return key.substr(std::min(key.size(), key.find_first_not_of("+")));
}

// Puts the values of one more key beside those that the axis has.
void add_key(Axis& axis, const std::string& key, const std::vector<std::string>& values) {
  axis.keys.push_back(without_prefix(key));
  axis.choices.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) axis.choices[i].push_back(key + "=" + values[i]);
}

Axis zip_axis(const std::string& argument, std::string_view inside) {
  Axis axis;
  for (const std::string& member : split_at_commas(inside)) {
    const auto [key, text] = split_argument(argument, member);
    const bool is_list = text.starts_with('[') && text.ends_with(']');
    if (!is_list && !call(text, "range"))
      fail(argument, fmt::format("'{}' of zip(…) has no list", key), key + "=[1,2]");
    const auto values =
        values_of(argument, is_list ? text.substr(1, text.size() - 2) : std::string_view(text));
    if (!axis.keys.empty() && values.size() != axis.choices.size()) {
      fail(argument, "the lists of zip(…) differ in their length",
           fmt::format("{} values, as '{}' has", axis.choices.size(), axis.keys.front()),
           fmt::format("'{}' has {}", key, values.size()));
    }
    add_key(axis, key, values);
  }
  return axis;
}

Axis axis_of(const std::string& argument) {
  if (const auto inside = call(argument, "zip")) return zip_axis(argument, *inside);
  const size_t equals = argument.find('=');
  Axis axis;
  if (argument.starts_with('~') || equals == std::string::npos) {
    axis.keys = {argument};
    axis.choices = {{argument}};
    return axis;
  }
  const auto [key, text] = split_argument(argument, argument);
  const auto values = values_of(argument, text);
  add_key(axis, key, values);
  if (values.size() == 1 && !call(text, "range")) axis.choices = {{argument}};  // as it was typed
  return axis;
}

}  // namespace

std::vector<Axis> parse_axes(const std::vector<std::string>& arguments) {
  std::vector<Axis> axes;
  for (const std::string& argument : arguments) axes.push_back(axis_of(argument));
  return axes;
}

std::vector<std::vector<int64_t>> all_points(const std::vector<Axis>& axes) {
  double count = 1;
  for (const Axis& axis : axes) count *= static_cast<double>(axis.choices.size());
  if (count > static_cast<double>(kMostPoints)) {
    throw Error(ErrorKind::kConfig, {.what = "the sweep has too many points",
                                     .expected = fmt::format("at most {}", kMostPoints),
                                     .got = fmt::format("{:.0f}", count),
                                     .fix = "zip(…) sets several keys in step"});
  }
  std::vector<std::vector<int64_t>> points = {{}};
  for (const Axis& axis : axes) {
    std::vector<std::vector<int64_t>> longer;
    for (const auto& point : points) {
      for (int64_t choice = 0; choice < std::ssize(axis.choices); ++choice) {
        longer.push_back(point);
        longer.back().push_back(choice);
      }
    }
    points = std::move(longer);
  }
  return points;
}

std::vector<std::string> overrides_of(const std::vector<Axis>& axes,
                                      const std::vector<int64_t>& choices, bool only_swept) {
  std::vector<std::string> overrides;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (only_swept && !axes[i].is_swept()) continue;
    const auto& choice = axes[i].choices[static_cast<size_t>(choices[i])];
    overrides.insert(overrides.end(), choice.begin(), choice.end());
  }
  return overrides;
}

}  // namespace semiseg::cluster
