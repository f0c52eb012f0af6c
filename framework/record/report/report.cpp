// SPDX-License-Identifier: Apache-2.0
#include "framework/record/report/report.h"

#include <map>
#include <string_view>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/record/report/report_files.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// Every report has it. On disk, do not change: older reports are recognised by it.
constexpr const char* kMark = "<meta name=\"generator\" content=\"semiseg report\">";

// Each {{name}} of the frame by its part, once: parts are not searched.
std::string fill(std::string_view frame, const std::map<std::string_view, std::string>& parts) {
  std::string text;
  for (;;) {
    const size_t begin = frame.find("{{");
    text += frame.substr(0, begin);
    if (begin == std::string_view::npos) return text;
    const size_t end = frame.find("}}", begin);
    text += parts.at(frame.substr(begin + 2, end - begin - 2));
    frame.remove_prefix(end + 2);
  }
}

std::string title_of(const std::vector<FoundRun>& runs) {
  if (runs.size() != 1) return std::to_string(runs.size()) + " runs";
  return fs::weakly_canonical(runs.front().folder).filename().string();
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string report_page(const std::vector<FoundRun>& runs, int64_t now, const ReportHead& head) {
  namespace files = report_files;
  return fill(files::page(),
              {{"mark", kMark},
               {"title", html_text(head.title.empty() ? title_of(runs) : head.title)},
               {"section", head.section},
               {"style", std::string(files::style())},
               {"chart library", std::string(files::chart_library())},
               {"chart licence", html_text(files::chart_licence())},
               {"data", report_data(runs, now)},
               {"script", std::string(files::script())}});
}

void write_report(const fs::path& path, const std::string& page, bool force) {
  if (!force && fs::exists(path) &&
      (!fs::is_regular_file(path) || read_file(path).find(kMark) == std::string::npos)) {
    throw Error(ErrorKind::kConfig,
                {.what = "refusing to overwrite a file that is not a semiseg report",
                 .where = path.string(),
                 .expected = "a new file, or an older report",
                 .fix = "--output another file, or --force"});
  }
  write_file(path, page);
}

}  // namespace semiseg
