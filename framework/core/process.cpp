// SPDX-License-Identifier: Apache-2.0
#include "framework/core/process.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <unistd.h>

#include <chrono>

extern char** environ;

namespace semiseg {

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void run_operations_in_this_thread() {
  at::get_num_threads();  // ATen's own first-use setting would undo the next line later
  omp_set_num_threads(1);
}

}  // namespace semiseg
