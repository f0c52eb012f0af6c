// SPDX-License-Identifier: Apache-2.0
#include "framework/record/run/run_state.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/files/json.h"
#include "framework/record/shown_text.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr std::array kStatuses = {RunStatus::kRunning, RunStatus::kStopped, RunStatus::kDone,
                                  RunStatus::kFailed};

RunStatus parse_status(const std::string& text) {
  for (const RunStatus status : kStatuses) {
    if (text == to_string(status)) return status;
  }
  throw std::out_of_range("unknown status '" + text + "'");
}

}  // namespace

const char* to_string(RunStatus status) {
  switch (status) {
    case RunStatus::kRunning:
      return "running";
    case RunStatus::kStopped:
      return "stopped";
    case RunStatus::kDone:
      return "done";
    case RunStatus::kFailed:
      return "failed";
  }
  return "";
}

RunHolder this_process(std::string job, int64_t now) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const passwd* user = ::getpwuid(::geteuid());
  return {.host = host.data(),
          .user = user ? user->pw_name : std::to_string(::geteuid()),
          .pid = ::getpid(),
          .job = std::move(job),
          .started = iso_time(now)};
}

std::string describe(const RunHolder& holder) {
  const std::string job = holder.job.empty() ? "" : ", job " + holder.job;
  return fmt::format("pid {} of {} on {}{}, since {}", holder.pid, holder.user, holder.host, job,
                     holder.started);
}

void write_run_state(const fs::path& run, const RunState& state) {
  nlohmann::ordered_json json = {{"status", to_string(state.status)},
                                 {"host", state.by.host},
                                 {"user", state.by.user},
                                 {"pid", state.by.pid},
                                 {"job", state.by.job},
                                 {"started", state.by.started},
                                 {"updated", state.updated},
                                 {"message", state.message}};
  write_file(run / "state.json",
             json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::optional<RunState> read_run_state(const fs::path& run) {
  const fs::path path = run / "state.json";
  if (!fs::exists(path)) return std::nullopt;
  const std::string text = read_own_file(path);
  check_json_bounds(text, path.string());
  try {
    const auto json = nlohmann::json::parse(text);
    RunState state;
    state.status = parse_status(json.at("status"));
    state.by = {.host = json.at("host"),
                .user = json.at("user"),
                .pid = whole_number(json.at("pid")),
                .job = json.at("job"),
                .started = json.at("started")};
    state.updated = json.at("updated");
    state.message = json.at("message");
    return state;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kData, {.what = "cannot parse the state of the run",
                                   .where = path.string(),
                                   .got = error.what(),
                                   .fix = "remove this file; the run itself is in checkpoint/"});
  }
}

}  // namespace semiseg
