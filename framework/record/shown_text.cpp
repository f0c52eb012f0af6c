// SPDX-License-Identifier: Apache-2.0
#include "framework/record/shown_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace semiseg {

std::string one_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::string line;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      line += "; ";
      while (i + 1 < text.size() && (text[i + 1] == ' ' || text[i + 1] == '\n')) ++i;
    } else if (c < ' ' || c == 127) {
      line += fmt::format("\\x{:02x}", c);
    } else {
      line += text[i];
    }
  }
  return line;
}

std::string markdown_text(std::string_view text) {
  std::string escaped;
  for (const char c : one_line(text)) {
    if (c == '<' || c == '>' || c == '&') {
      escaped += c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&amp;";
      continue;
    }
    if (std::string_view("|`*[]\\").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string cell_text(std::string_view text) {
  const std::string cell = one_line(text);
  const bool begins_formula =
      !cell.empty() && std::string_view("=+-@").find(cell[0]) != std::string_view::npos;
  return begins_formula ? "'" + cell : cell;
}

namespace {

std::tm utc(int64_t now) {
  const auto seconds = static_cast<std::time_t>(now);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return parts;
}

}  // namespace

std::string iso_time(int64_t now) { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc(now)); }

std::string iso_date(int64_t now) { return fmt::format("{:%Y-%m-%d}", utc(now)); }

int64_t seconds_of(const std::string& iso_time) {
  std::tm parts{};
  const char* end = ::strptime(iso_time.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return end == nullptr || *end != '\0' ? 0 : ::timegm(&parts);
}

}  // namespace semiseg
