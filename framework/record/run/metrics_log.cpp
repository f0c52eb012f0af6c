// SPDX-License-Identifier: Apache-2.0
#include "framework/record/run/metrics_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/files/json.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail_io(const fs::path& path, int code) {
  throw Error(ErrorKind::kIo,
              {.what = fmt::format("cannot write the metrics ({})", std::strerror(code)),
               .where = path.string(),
               .fix = "free space and run the same command again: it resumes"});
}

// Before the split in a line; on disk, do not change.
const std::string kSplitKey = ",\"split\":";

MetricsRow parse_row(const std::string& line) {
  const auto json = nlohmann::ordered_json::parse(line);
  MetricsRow row{.stage = json.at("stage"),
                 .iteration = whole_number(json.at("iteration")),
                 .step = whole_number(json.at("step"))};
  row.split = json.value("split", "");
  for (const auto& [name, value] : json.at("values").items()) {
    row.values.emplace_back(
        name, value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  }
  return row;
}

// Calls `use` with each whole line (newline included) and its row.
template <class Use>
void for_each_row(const std::string& text, const fs::path& path, Use use) {
  size_t begin = 0;
  for (int64_t number = 1;; ++number) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) return;
    const std::string line = text.substr(begin, end + 1 - begin);
    begin = end + 1;
    const std::string where = fmt::format("{}:{}", path.string(), number);
    check_json_bounds(line, where);
    MetricsRow row;
    try {
      row = parse_row(line);
    } catch (const std::exception& error) {
      throw Error(ErrorKind::kData, {.what = "a row of the metrics is damaged",
                                     .where = where,
                                     .got = error.what(),
                                     .fix = "remove this line, or start again in another folder"});
    }
    use(line, row);
  }
}

void truncate_after(const fs::path& path, int64_t last_step, bool validates_again) {
  if (!fs::exists(path)) return;
  const std::string text = read_own_file(path);
  std::string kept;
  for_each_row(text, path, [&](const std::string& line, const MetricsRow& row) {
    const bool is_last_validation = row.step == last_step && !row.split.empty();
    if (row.step <= last_step && !(validates_again && is_last_validation)) kept += line;
  });
  if (kept.size() != text.size()) write_file(path, kept);
}

}  // namespace

std::string to_json(const MetricsRow& row) {
  const auto quoted = [](const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  std::string text = fmt::format(R"({{"stage":{},"iteration":{},"step":{})", quoted(row.stage),
                                 row.iteration, row.step);
  if (!row.split.empty()) text += kSplitKey + quoted(row.split);
  text += R"(,"values":{)";
  for (size_t i = 0; i < row.values.size(); ++i) {
    const auto& [name, value] = row.values[i];
    const std::string number = std::isfinite(value) ? fmt::format("{:.17g}", value) : "null";
    text += fmt::format("{}{}:{}", i == 0 ? "" : ",", quoted(name), number);
  }
  return text + "}}\n";
}

MetricsLog::MetricsLog(fs::path path, int64_t last_step, bool validates_again)
    : path_(std::move(path)), file_(nullptr, &std::fclose) {
  truncate_after(path_, last_step, validates_again);
  file_.reset(::fdopen(open_own_file(path_, O_WRONLY | O_CREAT | O_APPEND), "a"));
  if (!file_) fail_io(path_, errno);
}

void MetricsLog::append(const MetricsRow& row) {
  const std::string text = to_json(row);
  if (file_fault("write", path_)) fail_io(path_, ENOSPC);
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() ||
      std::fflush(file_.get()) != 0) {
    fail_io(path_, errno);
  }
}

void MetricsLog::sync() {
  if (file_fault("fsync", path_)) fail_io(path_, ENOSPC);
  if (::fsync(::fileno(file_.get())) != 0) fail_io(path_, errno);
}

std::vector<MetricsRow> read_validations(const fs::path& path) {
  const std::string text = read_own_file(path);
  std::string lines;  // that may be those of a validation: MetricsLog writes the key so
  for (size_t at = text.find(kSplitKey); at != std::string::npos; at = text.find(kSplitKey, at)) {
    const size_t begin = text.rfind('\n', at) + 1;  // 0 in the first line
    at = std::min(text.find('\n', at), text.size() - 1);
    lines += text.substr(begin, at + 1 - begin);
  }
  std::vector<MetricsRow> rows;
  for_each_row(lines, path, [&](const std::string&, MetricsRow& row) {
    if (!row.split.empty()) rows.push_back(std::move(row));
  });
  return rows;
}

std::vector<MetricsRow> read_metrics_log(const fs::path& path) {
  std::vector<MetricsRow> rows;
  for_each_row(read_own_file(path), path,
               [&](const std::string&, MetricsRow& row) { rows.push_back(std::move(row)); });
  return rows;
}

}  // namespace semiseg
