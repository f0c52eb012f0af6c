// SPDX-License-Identifier: Apache-2.0
#include "framework/record/published/benchmark.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/config/toml.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace semiseg {
namespace {

[[noreturn]] void refuse_key(const Value& value, const std::string& key,
                             const std::string& expected) {
  throw Error(ErrorKind::kConfig, {.what = "not a benchmark",
                                   .where = value.origin.where() + ": " + key,
                                   .expected = expected,
                                   .got = type_name(value)});
}

const List& list_of(const Value& value, const std::string& key) {
  if (const auto* list = std::get_if<List>(&value.data)) return *list;
  refuse_key(value, key, "a list");
}

std::vector<int64_t> whole_numbers(const Value& value, const std::string& key, bool all_is_known) {
  std::vector<int64_t> numbers;
  for (const Value& one : list_of(value, key)) {
    const auto* number = std::get_if<int64_t>(&one.data);
    const auto* text = std::get_if<std::string>(&one.data);
    const bool is_all = all_is_known && text && *text == "all";
    if (!number && !is_all) refuse_key(one, key, all_is_known ? "numbers, or \"all\"" : "numbers");
    numbers.push_back(is_all ? -1 : *number);
  }
  return numbers;
}

std::vector<std::string> names_of(const Value& value, const std::string& key) {
  std::vector<std::string> names;
  for (const Value& one : list_of(value, key)) {
    const auto* text = std::get_if<std::string>(&one.data);
    if (!text) refuse_key(one, key, "names");
    names.push_back(*text);
  }
  return names;
}

std::string name_in(const Value& value, const std::string& key) {
  const auto* text = std::get_if<std::string>(&value.data);
  if (!text) refuse_key(value, key, "a text");
  return *text;
}

bool has_budget(const ResultsRow& row, int64_t labelled) {
  const auto& overridden = row.runs.front().summary->overridden;
  const auto found = overridden.find("labelled");
  const bool is_all = found != overridden.end() && found->second == "\"all\"";
  return labelled < 0 ? is_all : row.labelled == labelled && !is_all;
}

// The seeds and draws of a method that the table has.
std::vector<RunKey> present_runs(const BenchmarkPlan& benchmark, const StatisticsTable& table,
                                 const std::string& method, int64_t labelled) {
  std::vector<RunKey> present;
  for (const ResultsRow& row : table.results.rows) {
    const bool is_of = row.dataset == benchmark.rows && has_budget(row, labelled) &&
                       row.runs.front().summary->method == method;
    if (!is_of) continue;
    for (const RunKey& key : run_keys(row)) present.push_back(key);
  }
  return present;
}

}  // namespace

BenchmarkPlan read_benchmark(const std::filesystem::path& path) {
  const Value root = parse_toml(read_file(path), path.string());
  BenchmarkPlan benchmark{.draws = {0}};
  for (const auto& [key, value] : std::get<Section>(root.data)) {
    if (key == "dataset") {
      benchmark.dataset = name_in(value, key);
    } else if (key == "rows") {
      benchmark.rows = name_in(value, key);
    } else if (key == "settings") {
      benchmark.settings = names_of(value, key);
    } else if (key == "methods") {
      benchmark.methods = names_of(value, key);
    } else if (key == "labelled") {
      benchmark.labelled = whole_numbers(value, key, true);
    } else if (key == "seeds") {
      benchmark.seeds = whole_numbers(value, key, false);
    } else if (key == "draws") {
      benchmark.draws = whole_numbers(value, key, false);
    } else if (key == "published") {
      benchmark.published = read_published(path.parent_path() / name_in(value, key));
    } else {
      refuse_key(value, key,
                 "dataset, rows, settings, methods, labelled, seeds, draws or published");
    }
  }
  if (benchmark.rows.empty()) benchmark.rows = benchmark.dataset;
  const bool is_whole = !benchmark.dataset.empty() && !benchmark.methods.empty() &&
                        !benchmark.labelled.empty() && !benchmark.seeds.empty() &&
                        !benchmark.draws.empty();
  if (!is_whole) {
    throw Error(ErrorKind::kConfig,
                {.what = "the benchmark has no run",
                 .where = path.string(),
                 .expected = "dataset, and at least one of methods, labelled, seeds and draws"});
  }
  return benchmark;
}

std::vector<std::string> missing_runs(const BenchmarkPlan& benchmark,
                                      const StatisticsTable& table) {
  std::vector<std::string> texts;
  for (const std::string& method : benchmark.methods) {
    for (const int64_t labelled : benchmark.labelled) {
      const std::vector<RunKey> present = present_runs(benchmark, table, method, labelled);
      std::vector<std::string> missing;
      for (const int64_t draw : benchmark.draws) {
        for (const int64_t seed : benchmark.seeds) {
          if (std::find(present.begin(), present.end(), RunKey(seed, draw)) != present.end())
            continue;
          missing.push_back(draw == 0 ? fmt::format("seed {}", seed)
                                      : fmt::format("seed {} of draw {}", seed, draw));
        }
      }
      if (missing.empty()) continue;
      texts.push_back(fmt::format(
          "{}, {} labelled: {}", method, labelled < 0 ? "all" : std::to_string(labelled),
          present.empty() ? "no run" : fmt::format("{}", fmt::join(missing, ", "))));
    }
  }
  return texts;
}

}  // namespace semiseg
