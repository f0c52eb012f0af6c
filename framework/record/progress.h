// SPDX-License-Identifier: Apache-2.0
// Shows the progress of long work: as a bar on the last line of a terminal, or now and then as a
// line in a log.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace semiseg {

struct ProgressSink {
  bool is_terminal = false;
  int columns = 80;                            // width of the terminal
  std::function<void(std::string_view)> draw;  // raw text, for the bar
  std::function<void(std::string_view)> line;  // a whole line, for the log
};

// Returns a sink that draws on stderr and writes lines to the log.
ProgressSink standard_progress_sink();

// Texts behind the bar, for example {"loss", "0.4131"}, {"val Dice", "0.871"}.
using ProgressNotes = std::vector<std::pair<std::string, std::string>>;

class Progress {
 public:
  // Times are seconds of any steady clock. `done`: where a resumed run starts. `rate_unit`: what
  // update() counts, "samples".
  Progress(std::string title, std::string rate_unit, int64_t total, int64_t done, double now,
           ProgressSink sink = standard_progress_sink());
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Redraws at most 5 times a second; without a terminal writes a line every tenth of the work and
  // every 30 s, but leaves the last one to finish(). `work`: how many of the rate's units this
  // update brings.
  void update(int64_t done, double work, double now, const ProgressNotes& notes = {});

  // Prints the last state as a line that stays.
  void finish(double now, const ProgressNotes& notes = {});

 private:
  std::string status(double now, const ProgressNotes& notes) const;
  std::string bar() const;
  void wipe();

  std::string title_, rate_unit_;
  int64_t total_, first_, done_;
  double started_, work_ = 0;
  double last_shown_;
  int64_t last_tenth_;
  ProgressSink sink_;
};

// "1:02:03", "4:05".
std::string duration_text(double seconds);

}  // namespace semiseg
