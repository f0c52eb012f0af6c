// SPDX-License-Identifier: Apache-2.0
#include "tests/support/program.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <thread>
#include <vector>

#include "framework/core/files.h"
#include "tests/support/places.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

std::string command_line(const std::string& arguments, const std::string& folder,
                         const std::string& before) {
  return "cd '" + folder + "' || exit 99; " + before + " '" + program_file().string() + "' " +
         arguments;
}

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Children and their children, by /proc.
void collect_descendants(pid_t pid, std::vector<pid_t>& all) {
  const fs::path tasks = "/proc/" + std::to_string(pid) + "/task";
  std::error_code gone;
  for (const auto& task : fs::directory_iterator(tasks, gone)) {
    std::FILE* children = std::fopen((task.path() / "children").c_str(), "r");
    if (!children) continue;
    for (pid_t child; std::fscanf(children, "%d", &child) == 1;) {
      all.push_back(child);
      collect_descendants(child, all);
    }
    std::fclose(children);
  }
}

}  // namespace

ProgramResult run_program(const std::string& arguments, const std::string& folder,
                          const std::string& before) {
  const std::string command = "exec 2>&1; " + command_line(arguments, folder, before);
  std::FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot start: " + command);
  ProgramResult result;
  std::array<char, 4096> buffer;
  for (size_t size; (size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    result.output.append(buffer.data(), size);
  }
  result.exit_code = exit_code_of(pclose(pipe));
  return result;
}

std::string mpirun(int ranks, const std::string& variables) {
  return variables +
         " OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "
         "OMPI_MCA_rmaps_base_oversubscribe=1 timeout -k 5 90 mpirun -n " +
         std::to_string(ranks);
}

RunningProgram::RunningProgram(const std::string& arguments, const fs::path& folder,
                               const std::string& before) {
  static int number = 0;
  log_ = folder / ("program." + std::to_string(++number) + ".log");
  const std::string command =
      "exec >'" + log_.string() + "' 2>&1; " + command_line(arguments, folder, before);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("cannot start: " + command);
  if (pid_ == 0) {
    execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
}

RunningProgram::~RunningProgram() {
  if (status_ >= 0) return;
  kill_all();
  wait();
}

bool RunningProgram::ends_within(double seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (status_ < 0 && std::chrono::steady_clock::now() < deadline) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) status_ = exit_code_of(status);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return status_ >= 0;
}

void RunningProgram::kill_all() {
  std::vector<pid_t> all;
  collect_descendants(pid_, all);
  for (const pid_t pid : all) kill(pid, SIGKILL);
  kill(pid_, SIGKILL);
}

ProgramResult RunningProgram::wait() {
  if (status_ < 0) {
    int status = 0;
    waitpid(pid_, &status, 0);
    status_ = exit_code_of(status);
  }
  return {status_, read_file(log_)};
}

}  // namespace semiseg
