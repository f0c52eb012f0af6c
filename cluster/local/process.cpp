// SPDX-License-Identifier: Apache-2.0
#include "cluster/local/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "framework/core/error.h"
#include "framework/core/process.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// Holds the arguments of posix_spawn and frees them at the end.
struct SpawnSetup {
  SpawnSetup() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

void set_up(SpawnSetup& setup, const ProcessRequest& request) {
  constexpr int kMode = 0644;
  ::posix_spawn_file_actions_addopen(&setup.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&setup.actions, STDOUT_FILENO, request.log.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, kMode);
  ::posix_spawn_file_actions_adddup2(&setup.actions, STDOUT_FILENO, STDERR_FILENO);
  // The same number twice: the file stays open over exec.
  if (request.inherited >= 0)
    ::posix_spawn_file_actions_adddup2(&setup.actions, request.inherited, request.inherited);
  // The handlers of this process go with exec, but what it ignores would stay ignored.
  sigset_t defaults;
  ::sigemptyset(&defaults);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXFSZ}) ::sigaddset(&defaults, signal);
  ::posix_spawnattr_setsigdefault(&setup.attributes, &defaults);
  ::posix_spawnattr_setpgroup(&setup.attributes, 0);
  ::posix_spawnattr_setflags(&setup.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
}

}  // namespace

pid_t start_process(const ProcessRequest& request) {
  std::vector<std::string> words = {request.program.string()}, settings;
  words.insert(words.end(), request.arguments.begin(), request.arguments.end());
  auto variables = environment();
  for (const auto& [name, value] : request.variables) variables[name] = value;
  for (const auto& [name, value] : variables) settings.push_back(name + "=" + value);
  SpawnSetup setup;
  set_up(setup, request);
  pid_t pid = 0;
  const int code = ::posix_spawnp(&pid, request.program.c_str(), &setup.actions, &setup.attributes,
                                  pointers(words).data(), pointers(settings).data());
  if (code == 0) return pid;
  throw Error(ErrorKind::kIo,
              {.what = fmt::format("cannot start a run ({})", std::strerror(code)),
               .where = request.program.string(),
               .fix = "look at the program, and at the limits of processes (ulimit -u)"});
}

void stop_process(pid_t pid) { ::kill(-pid, SIGTERM); }

std::string failure_text(int status, const fs::path& log, int64_t begin) {
  constexpr std::string_view kMark = "error: ";
  std::ifstream file(log);
  file.seekg(begin);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kMark)) return line.substr(kMark.size());
  }
  if (WIFSIGNALED(status)) {
    return fmt::format("ended by signal {} ({}); its output is in {}", WTERMSIG(status),
                       ::strsignal(WTERMSIG(status)), log.string());
  }
  return fmt::format("exit code {}; its output is in {}", WEXITSTATUS(status), log.string());
}

}  // namespace semiseg::cluster
