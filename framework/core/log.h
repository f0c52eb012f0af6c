// SPDX-License-Identifier: Apache-2.0
// Lines for a person: to the terminal (stderr) and, once a run folder is there, to its log.txt.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace semiseg::log {

// Prefix of every line in a run with several ranks, e.g. "[rank 2] "; empty by default.
void set_prefix(std::string prefix);

// Lines of info and warn go to the file only: one rank of several speaks on the terminal.
void set_quiet(bool quiet);

// Lines go to this file too (appended, opened here; kIo when it cannot be). Empty: to the terminal
// only.
void set_file(const std::string& path);

// A progress bar that owns the terminal's last line registers how to wipe it before a line is
// printed.
void set_line_wiper(void (*wipe)());

// One event, one line. Thread-safe.
void line(std::string_view text);

// The same, on the terminal of quiet ranks too.
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
