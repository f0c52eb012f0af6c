// SPDX-License-Identifier: Apache-2.0
#include "framework/core/log.h"

#include <fcntl.h>

#include <cstdio>
#include <memory>
#include <mutex>

#include "framework/core/own_file.h"

namespace semiseg::log {
namespace {

struct Sinks {
  std::mutex mutex;
  std::string prefix;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{nullptr, &std::fclose};
  void (*wipe)() = nullptr;
  bool quiet = false;
};

Sinks& sinks() {
  static Sinks instance;
  return instance;
}

// Names out of files come into messages; they must not move the cursor or set a title.
std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = (byte < ' ' && c != '\n' && c != '\t') || byte == 127;
    result += is_control ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return result;
}

void write(std::string_view text, bool loud) {
  const std::lock_guard lock(sinks().mutex);
  const std::string full = fmt::format("{}{}\n", sinks().prefix, printable(text));
  if (loud || !sinks().quiet) {
    if (sinks().wipe) sinks().wipe();
    std::fputs(full.c_str(), stderr);
  }
  if (sinks().file) {
    std::fputs(full.c_str(), sinks().file.get());
    std::fflush(sinks().file.get());
  }
}

}  // namespace

void set_prefix(std::string prefix) {
  const std::lock_guard lock(sinks().mutex);
  sinks().prefix = std::move(prefix);
}

void set_quiet(bool quiet) {
  const std::lock_guard lock(sinks().mutex);
  sinks().quiet = quiet;
}

void set_file(const std::string& path) {
  const std::lock_guard lock(sinks().mutex);
  sinks().file.reset();
  if (path.empty()) return;
  sinks().file.reset(::fdopen(open_own_file(path, O_WRONLY | O_CREAT | O_APPEND), "a"));
}

void set_line_wiper(void (*wipe)()) {
  const std::lock_guard lock(sinks().mutex);
  sinks().wipe = wipe;
}

void line(std::string_view text) { write(text, /*loud=*/false); }

void loud_line(std::string_view text) { write(text, /*loud=*/true); }

}  // namespace semiseg::log
