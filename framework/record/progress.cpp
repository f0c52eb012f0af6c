// SPDX-License-Identifier: Apache-2.0
#include "framework/record/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "framework/core/log.h"

namespace semiseg {
namespace {

constexpr double kRedrawSeconds = 0.2, kLineSeconds = 30;
constexpr const char* kWipe = "\r\033[K";

std::atomic<bool> bar_is_drawn = false;

void wipe_terminal_line() {
  if (bar_is_drawn.exchange(false)) std::fputs(kWipe, stderr);
}

void draw_on_terminal(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
  bar_is_drawn = text != kWipe;
}

int64_t tenths(int64_t done, int64_t total) { return total > 0 ? 10 * done / total : 10; }

// Cut to so many characters, where a UTF-8 sequence counts as one.
std::string cut(const std::string& text, int columns) {
  int characters = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool starts_character = (static_cast<uint8_t>(text[i]) & 0xC0) != 0x80;
    if (starts_character && ++characters > columns) return text.substr(0, i);
  }
  return text;
}

}  // namespace

ProgressSink standard_progress_sink() {
  ProgressSink sink;
  const char* terminal = std::getenv("TERM");
  const bool moves_cursor = terminal && *terminal && std::string_view(terminal) != "dumb";
  sink.is_terminal = moves_cursor && ::isatty(STDERR_FILENO) == 1;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) sink.columns = size.ws_col;
  sink.draw = draw_on_terminal;
  sink.line = log::line;
  return sink;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::lround(std::max(seconds, 0.0)));
  const int64_t hours = whole / 3600, minutes = whole / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

Progress::Progress(std::string title, std::string rate_unit, int64_t total, int64_t done,
                   double now, ProgressSink sink)
    : title_(std::move(title)),
      rate_unit_(std::move(rate_unit)),
      total_(total),
      first_(done),
      done_(done),
      started_(now),
      last_shown_(now),
      last_tenth_(tenths(done, total)),
      sink_(std::move(sink)) {
  if (sink_.is_terminal) log::set_line_wiper(wipe_terminal_line);
}

Progress::~Progress() {
  if (!sink_.is_terminal) return;
  wipe();
  log::set_line_wiper(nullptr);
}

void Progress::wipe() { sink_.draw(kWipe); }

void Progress::update(int64_t done, double work, double now, const ProgressNotes& notes) {
  done_ = done;
  work_ += work;
  if (sink_.is_terminal) {
    if (now - last_shown_ < kRedrawSeconds) return;
    last_shown_ = now;
    sink_.draw(kWipe + cut(bar() + status(now, notes), sink_.columns - 1));
    return;
  }
  if (done == total_) return;
  const int64_t tenth = tenths(done, total_);
  if (tenth == last_tenth_ && now - last_shown_ < kLineSeconds) return;
  last_tenth_ = tenth;
  last_shown_ = now;
  sink_.line(status(now, notes));
}

void Progress::finish(double now, const ProgressNotes& notes) {
  if (sink_.is_terminal) wipe();
  sink_.line(status(now, notes));
}

std::string Progress::bar() const {
  constexpr int kWidth = 20;
  const double part = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1;
  const auto full = static_cast<int>(kWidth * std::clamp(part, 0.0, 1.0));
  std::string text;
  for (int i = 0; i < kWidth; ++i) text += i < full ? "█" : "░";
  return text + " ";
}

std::string Progress::status(double now, const ProgressNotes& notes) const {
  std::string text = fmt::format(
      "{} {}/{} ({:.0f} %)", title_, done_, total_,
      total_ > 0 ? 100.0 * static_cast<double>(done_) / static_cast<double>(total_) : 100.0);
  const double elapsed = now - started_;
  if (elapsed > 0 && done_ > first_) {
    const double left =
        elapsed / static_cast<double>(done_ - first_) * static_cast<double>(total_ - done_);
    text += fmt::format("  {:.1f} {}/s", work_ / elapsed, rate_unit_);
    text +=
        done_ < total_ ? "  " + duration_text(left) + " left" : "  took " + duration_text(elapsed);
  }
  for (const auto& [name, value] : notes) text += fmt::format("  {} {}", name, value);
  return text;
}

}  // namespace semiseg
