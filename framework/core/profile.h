// SPDX-License-Identifier: Apache-2.0
// Measures where the time of a training goes, in named and nested spans of the thread that called
// start(). Before start() a span costs one load.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace semiseg::profile {

// Starts to measure the spans of this thread. Spans of other threads are never measured.
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
  double seconds = 0;  // without nested spans
  int64_t count = 0;
};

// Returns the phases so far, the longest first, with "rest" for the time that no span covers. They
// sum up to elapsed_seconds().
std::vector<Phase> phases();
double elapsed_seconds();

// Returns the phases as a table, and below it one line that says what limits the training:
// "data-bound: 38 % wait", or the phase that takes most.
std::string report();

// Writes the first 200 000 spans as Chrome trace events, which Perfetto opens. The write is atomic.
void write_trace(const std::filesystem::path& path);

}  // namespace semiseg::profile
