// SPDX-License-Identifier: Apache-2.0
#include "framework/core/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string_view>
#include <thread>

#include "framework/core/files.h"

namespace semiseg::profile {
namespace {

using Clock = std::chrono::steady_clock;

struct Event {
  const char* name;
  double begin, seconds;  // since start()
};

struct Open {
  const char* name;
  double begin;
  double inside = 0;  // seconds of nested spans
};

struct State {
  std::thread::id thread = std::this_thread::get_id();
  Clock::time_point start = Clock::now();
  std::vector<Open> open;
  std::map<std::string_view, Phase> phases;
  std::vector<Event> events;
  double now() const { return std::chrono::duration<double>(Clock::now() - start).count(); }
};

constexpr size_t kMaxEvents = 200000;
constexpr std::string_view kWait = "data wait";
std::optional<State> state;

}  // namespace

void start() { state.emplace(); }

bool is_on() { return state.has_value(); }

Span::Span(const char* name) : is_measured_(state && state->thread == std::this_thread::get_id()) {
  if (is_measured_) state->open.push_back({name, state->now()});
}

Span::~Span() {
  if (!is_measured_) return;
  const Open span = state->open.back();
  state->open.pop_back();
  const double seconds = state->now() - span.begin;
  Phase& phase = state->phases[span.name];
  phase.seconds += seconds - span.inside;
  ++phase.count;
  if (!state->open.empty()) state->open.back().inside += seconds;
  if (state->events.size() < kMaxEvents) state->events.push_back({span.name, span.begin, seconds});
}

double elapsed_seconds() { return state ? state->now() : 0; }

std::vector<Phase> phases() {
  std::vector<Phase> all;
  if (!state) return all;
  double covered = 0;
  for (const auto& [name, phase] : state->phases) {
    all.push_back({std::string(name), phase.seconds, phase.count});
    covered += phase.seconds;
  }
  all.push_back({"rest", std::max(0.0, elapsed_seconds() - covered), 1});
  std::stable_sort(all.begin(), all.end(),
                   [](const Phase& a, const Phase& b) { return a.seconds > b.seconds; });
  return all;
}

std::string report() {
  const std::vector<Phase> all = phases();
  if (all.empty()) return "";
  double total = 0, wait = 0;
  for (const auto& phase : all) {
    total += phase.seconds;
    if (phase.name == kWait) wait = phase.seconds;
  }
  std::string text = fmt::format("{:<24}{:>10}{:>8}{:>10}\n", "phase", "seconds", "%", "spans");
  for (const auto& phase : all) {
    text += fmt::format("{:<24}{:>10.3f}{:>8.1f}{:>10}\n", phase.name, phase.seconds,
                        100 * phase.seconds / total, phase.count);
  }
  const double share = 100 * wait / total;
  if (share >= 10) return text + fmt::format("data-bound: {:.0f} % wait\n", share);
  return text + fmt::format("{}-bound: {:.0f} %; {:.1f} % wait for data\n", all.front().name,
                            100 * all.front().seconds / total, share);
}

void write_trace(const std::filesystem::path& path) {
  std::string text = "{\"traceEvents\":[";
  for (size_t i = 0; state && i < state->events.size(); ++i) {
    const Event& event = state->events[i];
    text += fmt::format(
        "{}\n{{\"name\":\"{}\",\"ph\":\"X\",\"pid\":0,\"tid\":0,\"ts\":{:.1f},\"dur\":{:.1f}}}",
        i > 0 ? "," : "", event.name, 1e6 * event.begin, 1e6 * event.seconds);
  }
  write_file(path, text + "\n]}\n");
}

}  // namespace semiseg::profile
