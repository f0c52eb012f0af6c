// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/header_checks.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace semiseg::image_format {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

std::vector<double> numbers_in(std::string_view text, char between) {
  std::vector<double> numbers;
  for (text = trimmed(text); !text.empty();) {
    const size_t end = std::min(text.find(between), text.size());
    std::string_view one = trimmed(text.substr(0, end));
    if (one.starts_with('+')) one.remove_prefix(1);
    double number = 0;
    const auto [stop, code] = std::from_chars(one.data(), one.data() + one.size(), number);
    if (code != std::errc() || stop != one.data() + one.size() || !std::isfinite(number)) return {};
    numbers.push_back(number);
    text = end == text.size() ? std::string_view() : text.substr(end + 1);
    if (between == ' ') text = trimmed(text);
  }
  return numbers;
}

}  // namespace semiseg::image_format
