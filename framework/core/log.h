// SPDX-License-Identifier: Apache-2.0
// Log lines go to the terminal (stderr) and, once a run folder exists, to its log.txt.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace semiseg::log {

// Prefix of every line in a run with several ranks, e.g. "[rank 2] "; empty by default.
void set_prefix(std::string prefix);

// Makes lines of info and warn go to the file only, so that one rank of several prints on the
// terminal.
void set_quiet(bool quiet);

// Opens a file to which all lines are appended, too; empty: lines go to the terminal only.
// Throws kIo when the file cannot be opened.
void set_file(const std::string& path);

// A progress bar that owns the terminal's last line registers how to wipe it before a line is
// printed.
void set_line_wiper(void (*wipe)());

// Prints one event as one line. Thread-safe.
void line(std::string_view text);

// The same, but quiet ranks also print it on the terminal.
void loud_line(std::string_view text);

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  line(fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  line("warning: " + fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  loud_line("error: " + fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace semiseg::log
