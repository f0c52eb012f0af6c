// SPDX-License-Identifier: Apache-2.0
#include "framework/files/csv.h"

#include <fmt/format.h>

#include <algorithm>

#include "framework/core/error.h"
#include "framework/files/text_lines.h"

namespace semiseg {
namespace {

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n#") == std::string::npos) return field;
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

struct Reader {
  const std::string& text;
  const std::string& origin;
  size_t at = 0;
  int64_t line = 1;

  [[noreturn]] void fail(const std::string& what, const std::string& expected = "",
                         const std::string& got = "") const {
    throw Error(ErrorKind::kData, {.what = what,
                                   .where = fmt::format("{}:{}", origin, line),
                                   .expected = expected,
                                   .got = got});
  }

  std::string quoted_field() {
    std::string field;
    for (++at; at < text.size(); ++at) {
      line += text[at] == '\n';
      if (text[at] != '"') {
        field += text[at];
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        field += text[++at];
      } else {
        ++at;
        return field;
      }
    }
    fail("a quote is not closed");
  }

  std::string field() {
    if (at < text.size() && text[at] == '"') return quoted_field();
    const size_t end = std::min(text.find_first_of(",\n", at), text.size());
    std::string result = text.substr(at, end - at);
    at = end;
    if (result.ends_with('\r')) result.pop_back();
    return result;
  }

  CsvRow row() {
    CsvRow fields = {field()};
    while (at < text.size() && text[at] == ',') {
      ++at;
      fields.push_back(field());
    }
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end - at > 1 || (end > at && text[at] != '\r')) fail("text behind a closed quote");
    at = end + 1;
    return fields;
  }

  std::pair<std::string, std::string> comment() {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string content = text.substr(at + 2, end - at - 2);
    if (content.ends_with('\r')) content.pop_back();
    at = end + 1;
    const size_t colon = content.find(": ");
    if (colon == std::string::npos) return {content, ""};
    return {content.substr(0, colon), content.substr(colon + 2)};
  }
};

}  // namespace

std::string to_csv(const CsvTable& table) {
  std::string text;
  for (const auto& [name, value] : table.comments) text += fmt::format("# {}: {}\n", name, value);
  for (const CsvRow& row : table.rows) {
    for (size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ",") + quoted(row[i]);
    text += '\n';
  }
  return text;
}

CsvTable parse_csv(const std::string& text, const std::string& origin) {
  Reader reader{text, origin};
  reader.at = text.size() - without_byte_order_mark(text).size();
  CsvTable table;
  for (; reader.at < text.size() && text.compare(reader.at, 2, "# ") == 0; ++reader.line) {
    table.comments.push_back(reader.comment());
  }
  for (; reader.at < text.size(); ++reader.line) {
    table.rows.push_back(reader.row());
    const size_t expected = table.rows.front().size(), got = table.rows.back().size();
    if (got != expected)
      reader.fail("a row of another length", std::to_string(expected), std::to_string(got));
  }
  return table;
}

}  // namespace semiseg
