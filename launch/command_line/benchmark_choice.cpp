// SPDX-License-Identifier: Apache-2.0
#include "launch/command_line/benchmark_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "framework/core/error.h"
#include "framework/record/published/benchmark.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kChoice = "+benchmark=";

// "+a.b=x" and "++a.b=x" set a.b, "zip(a=[…],b=[…])" sets both; a group's package is left out.
std::set<std::string> keys_of(const std::string& argument) {
  if (argument.starts_with("zip(")) {
    std::set<std::string> keys;
    for (size_t at = 4, equals; (equals = argument.find("=[", at)) != std::string::npos;) {
      keys.insert(argument.substr(at, equals - at));
      at = std::min(argument.size(), argument.find("],", equals)) + 2;
    }
    return keys;
  }
  const size_t begin = std::min(argument.size(), argument.find_first_not_of('+'));
  return {argument.substr(begin, std::min(argument.size(), argument.find('=')) - begin)};
}

std::vector<std::string> arguments_of(const BenchmarkPlan& plan) {
  std::vector<std::string> labelled;
  for (const int64_t count : plan.labelled)
    labelled.push_back(count < 0 ? "all" : std::to_string(count));
  std::vector<std::string> arguments = {"dataset=" + plan.dataset};
  arguments.insert(arguments.end(), plan.settings.begin(), plan.settings.end());
  arguments.push_back(fmt::format("method={}", fmt::join(plan.methods, ",")));
  arguments.push_back(fmt::format("labelled={}", fmt::join(labelled, ",")));
  if (plan.draws != std::vector<int64_t>{0})
    arguments.push_back(fmt::format("labelled_draw={}", fmt::join(plan.draws, ",")));
  arguments.push_back(fmt::format("seed={}", fmt::join(plan.seeds, ",")));
  return arguments;
}

}  // namespace

fs::path benchmark_file(const std::string& name, const std::vector<fs::path>& folders,
                        const std::string& where) {
  std::set<std::string> known;
  for (const auto& folder : folders) {
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(folder / "benchmark", absent)) {
      if (entry.path().stem() == name) return entry.path();
      known.insert(entry.path().stem());
    }
  }
  throw Error(ErrorKind::kConfig, {.what = "there is no such benchmark",
                                   .where = where,
                                   .expected = fmt::format("{}", fmt::join(known, ", ")),
                                   .got = name});
}

ComposeRequest with_benchmark(ComposeRequest request) {
  const auto is_choice = [](const std::string& one) { return one.starts_with(kChoice); };
  std::vector<std::string>& given = request.overrides;
  const auto choice = std::find_if(given.begin(), given.end(), is_choice);
  if (choice == given.end()) return request;
  if (std::count_if(given.begin(), given.end(), is_choice) > 1) {
    throw Error(ErrorKind::kConfig, {.what = "a sweep is of one benchmark",
                                     .where = "command line: " + *choice,
                                     .fix = "one sweep for each"});
  }
  const std::string name = choice->substr(kChoice.size());
  const BenchmarkPlan plan =
      read_benchmark(benchmark_file(name, request.search, "command line: " + *choice));
  given.erase(choice);
  std::set<std::string> set_here;
  for (const std::string& argument : given) set_here.merge(keys_of(argument));
  std::vector<std::string> overrides;
  for (const std::string& argument : arguments_of(plan)) {
    if (!set_here.contains(*keys_of(argument).begin())) overrides.push_back(argument);
  }
  overrides.insert(overrides.end(), given.begin(), given.end());
  given = std::move(overrides);
  return request;
}

}  // namespace semiseg
