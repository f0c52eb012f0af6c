// SPDX-License-Identifier: Apache-2.0
// semiseg VERB [FLAGS] [key=value …]
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "framework/core/error.h"
#include "framework/core/nearest.h"
#include "framework/run/world.h"
#include "launch/command_line/standard_streams.h"
#include "launch/verbs.h"

namespace {

using semiseg::kVerbs;

std::string usage() {
  std::string text =
      "semiseg: semi-supervised segmentation of medical images\n\nusage: semiseg VERB [FLAGS] "
      "[key=value …]\n\n";
  for (const auto& verb : kVerbs) text += fmt::format("  {:<16}{}\n", verb.name, verb.summary);
  text +=
      "\nsemiseg VERB --help explains one, with an example.\n"
      "exit codes: 0 done, 1 a check found failures, 2 configuration or usage, 3 data, 4 a rank "
      "failed, "
      "5 stopped and saved (run the same command again)\n";
  return text;
}

int run(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "--help";
  if (name == "--help" || name == "-h") {
    fmt::print("{}", usage());
    return argc > 1 ? 0 : 2;
  }
  std::vector<std::string> names;
  for (const auto& verb : kVerbs) {
    if (name == verb.name) return verb.run({argv + 2, argv + argc});
    names.emplace_back(verb.name);
  }
  throw semiseg::Error(semiseg::ErrorKind::kConfig, {.what = "unknown verb '" + name + "'",
                                                     .expected = semiseg::suggestion(name, names),
                                                     .fix = "semiseg --help"});
}

}  // namespace

int main(int argc, char** argv) {
  semiseg::open_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit fails, and its error names the limit
  try {
    const int code = run(argc, argv);
    semiseg::check_standard_output();
    return code;
  } catch (const std::exception& error) {
    return semiseg::report(error);
  }
}
