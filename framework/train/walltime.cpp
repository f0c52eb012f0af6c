// SPDX-License-Identifier: Apache-2.0
#include "framework/train/walltime.h"

#include <algorithm>
#include <charconv>
#include <regex>

namespace semiseg {
namespace {

constexpr double kMargin = 10;  // seconds for unmeasured work: closing files, the clock's skew

// Digits only, by the regular expressions below; an absent group is 0.
double number(const std::ssub_match& text) { return text.matched ? std::stod(text) : 0; }

}  // namespace

std::optional<double> parse_duration(const std::string& text) {
  static const std::regex count(R"((\d{1,9}(?:\.\d{1,9})?)(s|min|m|h|d)?)");
  static const std::regex clock(R"((?:(\d{1,5})-)?(\d{1,6}):([0-5]\d):([0-5]\d))");
  std::smatch match;
  if (std::regex_match(text, match, count)) {
    const std::string unit = match[2];
    return number(match[1]) * (unit == "d"             ? 86400
                               : unit == "h"           ? 3600
                               : unit.starts_with("m") ? 60
                                                       : 1);
  }
  if (!std::regex_match(text, match, clock)) return std::nullopt;
  return ((number(match[1]) * 24 + number(match[2])) * 60 + number(match[3])) * 60 +
         number(match[4]);
}

std::optional<double> read_walltime(const Config& run) {
  std::string text;
  run.read("walltime", text,
           "Time that one start may take, as 02:30:00, 150m or seconds; it then saves and stops. "
           "Empty: until Slurm ends the job. Set it where another scheduler or a person ends it.",
           Effect::kNone);
  if (text.empty()) return std::nullopt;
  const auto seconds = parse_duration(text);
  if (!seconds || *seconds <= 0) {
    run.fail("walltime", "a time that cannot be parsed",
             "hours:minutes:seconds, days-hours:minutes:seconds, or a number with s, m, h or d");
  }
  return seconds;
}

std::optional<double> slurm_seconds_left(const std::map<std::string, std::string>& environment,
                                         int64_t now) {
  const auto found = environment.find("SLURM_JOB_END_TIME");
  if (found == environment.end()) return std::nullopt;
  const std::string& text = found->second;
  int64_t end = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), end);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  // No job runs this long after its end: then the variable is left over from an old shell.
  constexpr int64_t kDay = 86400;
  if (end < now - kDay) return std::nullopt;
  return static_cast<double>(end - now);
}

Walltime::Walltime(std::optional<double> seconds, double now) {
  if (seconds) end_ = now + *seconds;
}

void Walltime::stepped(double seconds) { longest_step_ = std::max(longest_step_, seconds); }

void Walltime::saved(double seconds) { longest_save_ = std::max(longest_save_, seconds); }

void Walltime::forget() { longest_step_ = longest_save_ = 0; }

double Walltime::margin() const { return 3 * longest_save_ + longest_step_ + kMargin; }

std::optional<double> Walltime::seconds_left(double now) const {
  if (!end_) return std::nullopt;
  return *end_ - now;
}

bool Walltime::is_due(double now) const { return end_ && *end_ - now <= margin(); }

}  // namespace semiseg
