// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/core/own_file.h"
#include "framework/files/json.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<TaskState, const char*>, 9> kNames = {
    {{TaskState::kPending, "pending"},
     {TaskState::kRunning, "running"},
     {TaskState::kDone, "done"},
     {TaskState::kFailed, "failed"},
     {TaskState::kStopped, "stopped"},
     {TaskState::kCancelled, "cancelled"},
     {TaskState::kTimedOut, "timed out"},
     {TaskState::kPreempted, "preempted"},
     {TaskState::kUnknown, "unknown"}}};

TaskState state_of(const std::string& name) {
  for (const auto& [state, text] : kNames) {
    if (name == text) return state;
  }
  throw std::out_of_range("unknown state '" + name + "'");
}

std::string text_of(const LedgerLine& line) {
  Json json = {{"time", line.time}};
  if (line.is_launch()) {
    json["launch"] = line.launch;
    json["overrides"] = line.overrides;
    json["points"] = line.points;
    if (line.pack > 1) json["pack"] = line.pack;
    for (const auto& [point, time] : line.seen) json["seen"].push_back({point, time});
  } else {
    json["point"] = line.point;
    json["state"] = to_string(line.state);
    if (!line.detail.empty()) json["detail"] = line.detail;
    if (line.score) json["score"] = *line.score;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

LedgerLine line_of(const std::string& text) {
  check_json_bounds(text, "ledger");
  const Json json = Json::parse(text);
  LedgerLine line{.time = json.at("time")};
  if (json.contains("launch")) {
    line.launch = json.at("launch");
    line.overrides = json.at("overrides").get<std::vector<std::string>>();
    line.points = json.at("points").get<std::vector<int64_t>>();
    line.pack = json.value("pack", int64_t{1});
    for (const Json& seen : json.value("seen", Json::array()))
      line.seen[seen.at(0).get<int64_t>()] = seen.at(1).get<std::string>();
    return line;
  }
  line.point = json.at("point");
  line.state = state_of(json.at("state"));
  line.detail = json.value("detail", "");
  if (json.contains("score") && json.at("score").is_number()) line.score = json.at("score");
  return line;
}

[[noreturn]] void fail_io(const fs::path& path, const char* what, const char* call, int code) {
  throw Error(ErrorKind::kIo,
              {.what = fmt::format("cannot write {} ({}: {})", what, call, std::strerror(code)),
               .where = path.string(),
               .fix = "free space or get the permission, and give the same command "
                      "again: runs that were started go on"});
}

// A process that died within a write left a line without an end.
bool is_torn(int file) {
  const off_t size = ::lseek(file, 0, SEEK_END);
  char last = '\n';
  return size > 0 && ::pread(file, &last, 1, size - 1) == 1 && last != '\n';
}

}  // namespace

const char* to_string(TaskState state) {
  for (const auto& [known, text] : kNames) {
    if (known == state) return text;
  }
  return "";
}

Ledger::Ledger(const fs::path& sweep) : path_(sweep / "ledger.jsonl") {}

void append_lines(const fs::path& path, const char* what, const std::string& lines) {
  const int file = open_own_file(path, O_RDWR | O_CREAT | O_APPEND);
  const std::string text = (is_torn(file) ? "\n" : "") + lines;
  const bool is_full = file_fault("write", path);
  const ssize_t written = is_full ? (errno = ENOSPC, -1) : ::write(file, text.data(), text.size());
  const int code = written < 0 ? errno : ENOSPC;
  const int synced = ::fsync(file);
  const int sync_code = errno;
  ::close(file);
  if (written != std::ssize(text)) fail_io(path, what, "write", code);
  if (synced != 0 && sync_code != EINVAL && sync_code != ENOSYS)
    fail_io(path, what, "fsync", sync_code);
}

void Ledger::append(const std::vector<LedgerLine>& lines) {
  std::string text;
  for (const LedgerLine& line : lines) text += text_of(line);
  if (!text.empty()) append_lines(path_, "the ledger of the sweep", text);
}

std::vector<LedgerLine> Ledger::read_new() {
  std::vector<LedgerLine> lines;
  if (!fs::exists(path_)) return lines;
  const std::string text = read_own_file(path_);
  size_t begin = static_cast<size_t>(read_);
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    if (end == begin) continue;
    try {
      lines.push_back(line_of(text.substr(begin, end - begin)));
    } catch (const std::exception&) {
      log::warn("a line of {} is damaged and left out", path_.string());
    }
  }
  read_ = static_cast<int64_t>(begin);
  return lines;
}

}  // namespace semiseg::cluster
