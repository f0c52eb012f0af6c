// SPDX-License-Identifier: Apache-2.0
#include "framework/files/json_depth.h"

#include <fmt/format.h>

#include <algorithm>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr int kDeepest = 100;

}  // namespace

void check_json_depth(std::string_view text, const std::string& where) {
  int depth = 0, deepest = 0;
  bool is_quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_quoted) {
      if (c == '\\') ++i;
      if (c == '"') is_quoted = false;
    } else if (c == '"') {
      is_quoted = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  if (deepest <= kDeepest) return;
  throw Error(ErrorKind::kData, {.what = "JSON that is nested too deeply",
                                 .where = where,
                                 .expected = fmt::format("at most {} brackets", kDeepest),
                                 .got = std::to_string(deepest)});
}

}  // namespace semiseg
