// SPDX-License-Identifier: Apache-2.0
#include "framework/data/archive/case_list.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "framework/core/error.h"
#include "framework/files/text_lines.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(std::string what, std::string where, std::string expected, std::string got,
                       std::string fix) {
  throw Error(ErrorKind::kData, {std::move(what), std::move(where), std::move(expected),
                                 std::move(got), std::move(fix)});
}

}  // namespace

fs::path find_case_list(const fs::path& root, const std::string& file, const std::string& data_set,
                        const std::string& fix) {
  // "root/.." and not parent_path: the latter is wrong for "acdc/" and for links.
  for (const fs::path& folder : {root, root / ".."}) {
    if (fs::exists(folder / file)) return folder / file;
  }
  fail(fmt::format("a list of {} is missing", data_set), root.string(),
       file + " here or in the folder above", "neither", fix);
}

constexpr size_t kLongestLine = 256;  // longer than any name of a file

std::vector<ListLine> read_case_list(const fs::path& path, const std::regex& form,
                                     const std::string& example) {
  std::vector<ListLine> lines;
  std::set<std::string> seen;
  int64_t number = 0;
  for (std::string line : read_text_lines(path)) {
    const std::string where = fmt::format("{}:{}", path.string(), ++number);
    if (line.ends_with(".h5")) line.resize(line.size() - 3);
    if (line.empty()) continue;
    // std::regex takes a frame of the stack for each character.
    if (line.size() > kLongestLine || !std::regex_match(line, form)) {
      fail("a list line does not name a case of this data set", where, example,
           line.substr(0, kLongestLine),
           "repair the line if it was cut; scans of another data set are read by dataset=store "
           "(semiseg convert)");
    }
    if (!seen.insert(line).second) {
      fail("a list line is there twice, or was cut", where, "every name once", line,
           "repair the line");
    }
    lines.push_back({line, where});
  }
  if (lines.empty()) fail("a list is empty", path.string(), example, "no line", "");
  return lines;
}

}  // namespace semiseg
