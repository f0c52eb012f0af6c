// SPDX-License-Identifier: Apache-2.0
#include "cluster/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "framework/core/error.h"
#include "framework/core/process.h"

namespace semiseg::cluster {
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

void set_files(SpawnSetup& setup, const SpawnRequest& request) {
  constexpr int kMode = 0644;
  ::posix_spawn_file_actions_addopen(&setup.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (request.log.empty()) {
    ::posix_spawn_file_actions_adddup2(&setup.actions, request.output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&setup.actions, request.errors, STDERR_FILENO);
  } else {
    ::posix_spawn_file_actions_addopen(&setup.actions, STDOUT_FILENO, request.log.c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND, kMode);
    ::posix_spawn_file_actions_adddup2(&setup.actions, STDOUT_FILENO, STDERR_FILENO);
  }
  // The same number twice: the file stays open over exec.
  if (request.inherited >= 0)
    ::posix_spawn_file_actions_adddup2(&setup.actions, request.inherited, request.inherited);
}

void set_signals(SpawnSetup& setup, bool is_group) {
  // The handlers of this process go with exec, but signals that it ignores would stay ignored.
  sigset_t defaults;
  ::sigemptyset(&defaults);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ})
    ::sigaddset(&defaults, signal);
  ::posix_spawnattr_setsigdefault(&setup.attributes, &defaults);
  int flags = POSIX_SPAWN_SETSIGDEF;
  if (is_group) {
    ::posix_spawnattr_setpgroup(&setup.attributes, 0);
    flags |= POSIX_SPAWN_SETPGROUP;
  }
  ::posix_spawnattr_setflags(&setup.attributes, static_cast<short>(flags));
}

// A pipe from the child; both ends close in later children.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw Error(ErrorKind::kIo, {.what = "cannot make a pipe (" + text_of_errno() + ")"});
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int write_end() const { return ends_[1]; }
  int read_end() const { return ends_[0]; }  // -1 after the end of the text
  void close_write_end() { close_end(1); }

  // Appends what has arrived; closes at the end.
  void read_into(std::string& text) {
    std::array<char, 4096> buffer;
    const ssize_t size = ::read(ends_[0], buffer.data(), buffer.size());
    if (size > 0) text.append(buffer.data(), static_cast<size_t>(size));
    if (size == 0 || (size < 0 && errno != EINTR)) close_end(0);
  }

 private:
  static std::string text_of_errno() { return std::strerror(errno); }
  void close_end(size_t end) {
    if (ends_[end] >= 0) ::close(ends_[end]);
    ends_[end] = -1;
  }
  std::array<int, 2> ends_ = {-1, -1};
};

pid_t start(const std::vector<std::string>& words, const Pipe& output, const Pipe& errors) {
  pid_t pid = -1;
  const int code =
      spawn({.words = words, .output = output.write_end(), .errors = errors.write_end()}, pid);
  if (code == 0) return pid;
  if (code == ENOENT)
    throw Error(ErrorKind::kConfig, {.what = "there is no program '" + words[0] + "' here",
                                     .expected = "a program of this name in PATH"});
  throw Error(ErrorKind::kIo,
              {.what = "cannot start a program (" + std::string(std::strerror(code)) + ")",
               .where = words[0]});
}

}  // namespace

int spawn(const SpawnRequest& request, pid_t& pid) {
  std::vector<std::string> words = request.words, settings;
  auto variables = environment();
  for (const auto& [name, value] : request.variables) variables[name] = value;
  for (const auto& [name, value] : variables) settings.push_back(name + "=" + value);
  SpawnSetup setup;
  set_files(setup, request);
  set_signals(setup, request.is_group);
  return ::posix_spawnp(&pid, words.front().c_str(), &setup.actions, &setup.attributes,
                        pointers(words).data(), pointers(settings).data());
}

CommandResult run_command(const std::vector<std::string>& words, double seconds) {
  Pipe output, errors;
  const double end = steady_seconds() + seconds;
  const pid_t pid = start(words, output, errors);
  output.close_write_end();
  errors.close_write_end();
  CommandResult result;
  while (output.read_end() >= 0 || errors.read_end() >= 0) {
    const double left = end - steady_seconds();
    if (left <= 0 && !result.timed_out) {
      result.timed_out = true;
      ::kill(pid, SIGKILL);
    }
    // A grandchild may hold the pipes of a program that was killed.
    if (left < -1) break;
    std::array<pollfd, 2> ends = {pollfd{output.read_end(), POLLIN, 0},
                                  pollfd{errors.read_end(), POLLIN, 0}};
    if (::poll(ends.data(), ends.size(), static_cast<int>(std::ceil(std::abs(left) * 1000))) <= 0)
      continue;
    if (ends[0].revents != 0) output.read_into(result.output);
    if (ends[1].revents != 0) errors.read_into(result.errors);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace semiseg::cluster
