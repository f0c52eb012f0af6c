// SPDX-License-Identifier: Apache-2.0
// Where the time of a training goes: named spans of the thread that began the profile, nested, off
// unless start() was called. A span that is off costs one load.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace semiseg::profile {

// From now on spans of this thread are measured; those of other threads never are.
void start();
bool is_on();

// One stretch of work, from construction to destruction. `name` must be a literal.
class Span {
 public:
  explicit Span(const char* name);
  ~Span();
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  bool is_measured_;
};

struct Phase {
  std::string name;
  double seconds = 0;  // without what ran in spans inside
  int64_t count = 0;
};

// So far, the longest first; with them "rest": what no span covers. Sums up to elapsed_seconds().
std::vector<Phase> phases();
double elapsed_seconds();

// Phases as a table, and below it one line that says what the training waits for: "data-bound: 38 %
// wait", or the phase that takes most.
std::string report();

// The first 200 000 spans as Chrome's trace events, to open in Perfetto. Atomic.
void write_trace(const std::filesystem::path& path);

}  // namespace semiseg::profile
