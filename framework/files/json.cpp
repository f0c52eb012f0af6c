// SPDX-License-Identifier: Apache-2.0
#include "framework/files/json.h"

#include <fmt/format.h>

#include <vector>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr size_t kDeepest = 100;
// Trees that keep the order of the text look through all names before each new one.
constexpr size_t kMostNames = 10000;

[[noreturn]] void fail(std::string what, const std::string& where, std::string expected) {
  throw Error(
      ErrorKind::kData,
      {.what = std::move(what), .where = where, .expected = std::move(expected), .got = "more"});
}

}  // namespace

void check_json_bounds(std::string_view text, const std::string& where) {
  std::vector<size_t> names = {0};  // in each open bracket
  bool is_quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_quoted) {
      if (c == '\\') ++i;
      if (c == '"') is_quoted = false;
    } else if (c == '"') {
      is_quoted = true;
    } else if (c == '[' || c == '{') {
      names.push_back(0);
      if (names.size() > kDeepest + 1)
        fail("JSON that is nested too deeply", where, fmt::format("at most {} brackets", kDeepest));
    } else if ((c == ']' || c == '}') && names.size() > 1) {
      names.pop_back();
    } else if (c == ':' && ++names.back() > kMostNames) {
      fail("JSON with too many names in one place", where, fmt::format("at most {}", kMostNames));
    }
  }
}

}  // namespace semiseg
