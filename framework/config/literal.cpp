// SPDX-License-Identifier: Apache-2.0
#include "framework/config/literal.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

namespace semiseg {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Digits with single underscores between them → digits; empty when an underscore stands elsewhere.
std::string without_underscores(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      result += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return {};
    }
  }
  return result;
}

template <class Number>
std::optional<Number> number(std::string_view digits) {
  Number result{};
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
  if (code != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return result;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

size_t interpolation_end(std::string_view text, size_t start) {
  size_t depth = 0;
  for (size_t i = start; i < text.size(); ++i) {
    if (text.compare(i, 2, "${") == 0) {
      ++depth;
      ++i;
    } else if (text[i] == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

std::optional<Value> parse_literal(std::string_view text) {
  const std::string word = lower_case(text);
  if (word == "true" || word == "false") return Value{word == "true", {}};
  const bool negative = word.starts_with('-');
  const std::string magnitude = word.substr(negative || word.starts_with('+') ? 1 : 0);
  const double sign = negative ? -1 : 1;
  if (magnitude == "inf") return Value{sign * std::numeric_limits<double>::infinity(), {}};
  if (magnitude == "nan") return Value{std::numeric_limits<double>::quiet_NaN(), {}};
  const std::string digits = without_underscores(magnitude);
  if (digits.empty() || digits.find_first_not_of("0123456789.e+-") != std::string::npos ||
      !(is_digit(digits[0]) || digits[0] == '.')) {
    return std::nullopt;
  }
  if (digits.find_first_of(".e") == std::string::npos) {
    // 007 is a name, not a number.
    if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
    const auto whole = number<int64_t>((negative ? "-" : "") + digits);
    return whole ? std::optional(Value{*whole, {}}) : std::nullopt;
  }
  const auto real = number<double>(digits);
  return real ? std::optional(Value{sign * *real, {}}) : std::nullopt;
}

}  // namespace semiseg
