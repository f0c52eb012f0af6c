// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/status_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "framework/record/progress.h"
#include "framework/record/shown_text.h"

namespace semiseg::cluster {
namespace {

constexpr size_t kMostFailures = 10;
constexpr double kHour = 3600;

// In the order in which they are shown.
constexpr std::array kShown = {TaskState::kDone,      TaskState::kRunning,   TaskState::kPending,
                               TaskState::kStopped,   TaskState::kFailed,    TaskState::kTimedOut,
                               TaskState::kPreempted, TaskState::kCancelled, TaskState::kUnknown};

int64_t count(const std::vector<PointState>& states, TaskState state) {
  return std::count_if(states.begin(), states.end(),
                       [state](const PointState& one) { return one.state == state; });
}

bool is_failure(const PointState& one) {
  return one.state == TaskState::kFailed || one.state == TaskState::kTimedOut ||
         one.state == TaskState::kUnknown;
}

std::string score_text(double score) { return fmt::format("Dice {:.1f} %", 100 * score); }

std::string label_of(const Definition& definition, const Point& point) {
  const std::string text = point_text(definition.axes, point);
  return text.empty() ? point.folder.filename().string() : text;
}

// Returns runs that ended an hour, from the times of those that this sweep has started; zero:
// unknown.
double done_an_hour(const std::vector<PointState>& states, int64_t now) {
  std::vector<std::string> times;
  for (const PointState& one : states) {
    if (one.state == TaskState::kDone && one.detail != kReused) times.push_back(one.since);
  }
  if (times.size() < 2) return 0;
  std::sort(times.begin(), times.end());
  const auto first = static_cast<double>(seconds_of(times.front()));
  const double span = std::max(1.0, static_cast<double>(now) - first);
  return static_cast<double>(times.size() - 1) / span * kHour;
}

std::string rate_line(const std::vector<PointState>& states, int64_t now) {
  const double rate = done_an_hour(states, now);
  const int64_t left = count(states, TaskState::kPending) + count(states, TaskState::kRunning);
  if (rate <= 0 || left == 0) return "";
  return fmt::format("{:.1f} runs an hour, about {} left", rate,
                     duration_text(static_cast<double>(left) / rate * kHour));
}

std::string best_line(const Definition& definition, const std::vector<PointState>& states) {
  const auto best = std::max_element(
      states.begin(), states.end(),
      [](const auto& a, const auto& b) { return a.score.value_or(-1) < b.score.value_or(-1); });
  if (best == states.end() || !best->score) return "";
  const Point& point = definition.points[static_cast<size_t>(best - states.begin())];
  return fmt::format("best so far: {}, {}, {}", score_text(*best->score),
                     label_of(definition, point), point.folder.string());
}

}  // namespace

std::string counts_text(const std::vector<PointState>& states) {
  std::vector<std::string> parts;
  for (const TaskState state : kShown) {
    if (const int64_t n = count(states, state); n > 0)
      parts.push_back(fmt::format("{} {}", n, to_string(state)));
  }
  return fmt::format("{} runs: {}", states.size(), fmt::join(parts, ", "));
}

std::string change_text(const Definition& definition, const SweepStates& states, int64_t index) {
  const PointState& one = states.states()[static_cast<size_t>(index)];
  const auto done = count(states.states(), TaskState::kDone);
  std::string text =
      fmt::format("[{}/{}] {}: {}", done, states.states().size(), to_string(one.state),
                  label_of(definition, definition.points[static_cast<size_t>(index)]));
  if (one.score) text += ", " + score_text(*one.score);
  if (!one.detail.empty()) text += fmt::format(" ({})", one_line(one.detail));
  return text;
}

std::vector<std::string> failure_lines(const Definition& definition,
                                       const std::vector<PointState>& states) {
  std::vector<std::string> lines;
  size_t hidden = 0;
  for (size_t i = 0; i < states.size(); ++i) {
    if (!is_failure(states[i])) continue;
    if (lines.size() == kMostFailures) {
      ++hidden;
      continue;
    }
    lines.push_back(fmt::format("{}: {}: {}", to_string(states[i].state),
                                label_of(definition, definition.points[i]),
                                one_line(states[i].detail)));
  }
  if (hidden > 0) lines.push_back(fmt::format("… and {} more", hidden));
  return lines;
}

bool is_any_failed(const std::vector<PointState>& states) {
  return std::any_of(states.begin(), states.end(), is_failure);
}

bool is_any_open(const std::vector<PointState>& states) {
  return count(states, TaskState::kPending) + count(states, TaskState::kRunning) > 0;
}

std::vector<std::string> status_lines(const Definition& definition,
                                      const std::vector<PointState>& states, int64_t now) {
  std::vector<std::string> lines = {counts_text(states), rate_line(states, now),
                                    best_line(definition, states)};
  std::erase(lines, "");
  for (const StepCost& cost : definition.costs)
    lines.push_back(budget_line(definition.budget, cost));
  for (const std::string& line : failure_lines(definition, states)) lines.push_back(line);
  return lines;
}

std::string status_json(const std::filesystem::path& sweep, const Definition& definition,
                        const std::vector<PointState>& states) {
  using Json = nlohmann::ordered_json;
  Json json = {{"sweep", sweep.string()}, {"counts", Json::object()}, {"points", Json::array()}};
  if (definition.budget > 0) {
    json["budget"] = {{"seconds", definition.budget}, {"costs", Json::array()}};
    for (const StepCost& cost : definition.costs)
      json["budget"]["costs"].push_back(Json::parse(cost_json(cost)));
  }
  for (const TaskState state : kShown) json["counts"][to_string(state)] = count(states, state);
  for (size_t i = 0; i < states.size(); ++i) {
    const Point& point = definition.points[i];
    json["points"].push_back(
        {{"point", i},
         {"overrides", overrides_of(definition.axes, point.choices, /*only_swept=*/true)},
         {"state", to_string(states[i].state)},
         {"detail", states[i].detail},
         {"since", states[i].since},
         {"dice", states[i].score ? Json(*states[i].score) : Json()},
         {"folder", point.folder.string()}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace semiseg::cluster
