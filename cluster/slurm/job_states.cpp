// SPDX-License-Identifier: Apache-2.0
#include "cluster/slurm/job_states.h"

#include <fmt/format.h>

#include <charconv>
#include <sstream>
#include <vector>

namespace semiseg::cluster {
namespace {

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '|');) fields.push_back(field);
  return fields;
}

int leading_number(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string detail_of(const std::string& job, const std::string& state, int exit_code,
                      const std::string& reason, const std::string& nodes, int restarts) {
  std::string text = "job " + job + " " + state;
  if (exit_code != 0) text += fmt::format(", exit code {}", exit_code);
  if (!reason.empty() && reason != "None" && reason != "NonZeroExitCode") text += ", " + reason;
  if (!nodes.empty() && nodes != "None assigned") text += " on " + nodes;
  if (restarts > 0) text += fmt::format(", restarted {} times", restarts);
  return text;
}

}  // namespace

TaskState task_state(const std::string& slurm_state, int exit_code) {
  // sacct says "CANCELLED by 1000".
  const std::string state = slurm_state.substr(0, slurm_state.find_first_of(" +"));
  if (state == "COMPLETED") return TaskState::kDone;
  if (state == "CANCELLED") return TaskState::kCancelled;
  if (state == "TIMEOUT" || state == "DEADLINE") return TaskState::kTimedOut;
  if (state == "PREEMPTED") return TaskState::kPreempted;
  if (state == "FAILED") return exit_code == 5 ? TaskState::kStopped : TaskState::kFailed;
  for (const char* waiting : {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD",
                              "SPECIAL_EXIT", "RESV_DEL_HOLD"})
    if (state == waiting) return TaskState::kPending;
  for (const char* running :
       {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"})
    if (state == running) return TaskState::kRunning;
  for (const char* failed :
       {"NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "LAUNCH_FAILED", "RECONFIG_FAIL"})
    if (state == failed) return TaskState::kFailed;
  return TaskState::kUnknown;
}

JobStates parse_squeue(const std::string& text) {
  JobStates states;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto fields = fields_of(line);
    if (fields.size() < 6) continue;
    const int code = leading_number(fields[2]) >> 8;  // as wait(2) returns it
    states[fields[0]] = {.state = task_state(fields[1], code),
                         .detail = detail_of(fields[0], fields[1], code, fields[3], fields[4],
                                             leading_number(fields[5]))};
  }
  return states;
}

JobStates parse_sacct(const std::string& text) {
  JobStates states;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto fields = fields_of(line);
    if (fields.size() < 3 || fields[0].find('.') != std::string::npos) continue;
    const int code = leading_number(fields[2]);  // "5:0": of the script, and the signal
    states[fields[0]] = {
        .state = task_state(fields[1], code),
        .detail = detail_of(fields[0], fields[1], code, "", fields.size() > 3 ? fields[3] : "", 0)};
  }
  return states;
}

}  // namespace semiseg::cluster
