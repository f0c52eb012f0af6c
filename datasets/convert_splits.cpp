// SPDX-License-Identifier: Apache-2.0
#include "datasets/convert_splits.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "framework/core/draws.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(std::string what, std::string where, std::string expected, std::string got) {
  throw Error(ErrorKind::kConfig,
              {std::move(what), std::move(where), std::move(expected), std::move(got), ""});
}

std::string patient_of(const std::string& id, const std::string& pattern) {
  if (pattern.empty()) return id;
  std::smatch match;
  try {
    if (std::regex_search(id, match, std::regex(pattern)) && match.size() > 1) return match[1];
  } catch (const std::regex_error& error) {
    fail("not a regular expression", "--patient", "for example '(patient\\d+)_'", pattern);
  }
  fail("a case has no patient", "--patient " + pattern, "a match with one group", id);
}

// Numbers are fractions, all else are files.
std::optional<double> fraction_of(const std::string& text, const std::string& flag) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value >= 0 && value < 1) return value;
  fail("a bad fraction of patients", flag, "0 or more, less than 1", text);
}

std::set<std::string> listed(const std::string& file, const std::set<std::string>& patients,
                             const std::string& flag) {
  if (!fs::exists(file)) fail("neither a fraction nor a file", flag, "0.2, or a file", file);
  std::set<std::string> result;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.empty()) continue;
    if (!patients.contains(line)) {
      fail("a listed patient is in no case", flag + " " + file, "patients of the cases", line);
    }
    result.insert(line);
  }
  return result;
}

}  // namespace

std::vector<CaseInfo> assign_splits(const std::vector<std::string>& ids,
                                    const SplitRequest& request) {
  std::vector<CaseInfo> cases;
  std::set<std::string> patients;
  for (const std::string& id : ids) {
    cases.push_back({id, patient_of(id, request.patient_pattern), "", Split::kTrain});
    patients.insert(cases.back().patient);
  }
  std::map<std::string, Split> chosen;
  const auto choose = [&](const std::string& patient, Split split) {
    const auto [place, is_new] = chosen.emplace(patient, split);
    if (!is_new && place->second != split) {
      fail("a patient is in two splits", "--val and --test", "every patient once", patient);
    }
  };
  const auto val = fraction_of(request.val, "--val"), test = fraction_of(request.test, "--test");
  if (!val && !request.val.empty()) {
    for (const auto& one : listed(request.val, patients, "--val")) choose(one, Split::kVal);
  }
  if (!test && !request.test.empty()) {
    for (const auto& one : listed(request.test, patients, "--test")) choose(one, Split::kTest);
  }
  // Fractions are of all patients, drawn among those that no list names.
  std::vector<std::string> free;
  for (const auto& one : patients) {
    if (!chosen.contains(one)) free.push_back(one);
  }
  const auto total = static_cast<double>(patients.size());
  const auto test_count = std::llround(test.value_or(0) * total);
  const auto val_count = std::llround(val.value_or(0) * total);
  if (test_count + val_count >= std::ssize(free)) {
    fail("no patient is left for training", "--val and --test",
         fmt::format("fewer than {} patients", free.size()),
         fmt::format("{} and {}", val_count, test_count));
  }
  const at::Tensor order = Draws(static_cast<uint64_t>(request.seed))
                               .permutation("convert/split", static_cast<int64_t>(free.size()));
  for (int64_t i = 0; i < test_count + val_count; ++i) {
    choose(free[static_cast<size_t>(order[i].item<int64_t>())],
           i < test_count ? Split::kTest : Split::kVal);
  }
  for (CaseInfo& one : cases) {
    const auto found = chosen.find(one.patient);
    if (found != chosen.end()) one.split = found->second;
  }
  return cases;
}

}  // namespace semiseg
