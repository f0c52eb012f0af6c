// SPDX-License-Identifier: Apache-2.0
#include "datasets/convert/convert_splits.h"

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

#include "framework/core/error.h"
#include "framework/core/random/draws.h"
#include "framework/data/archive/case_split.h"
#include "framework/files/text_lines.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(std::string what, std::string where, std::string expected, std::string got,
                       std::string fix = "") {
  throw Error(ErrorKind::kConfig, {std::move(what), std::move(where), std::move(expected),
                                   std::move(got), std::move(fix)});
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

std::set<std::string> read_list(const std::string& file, const std::set<std::string>& patients,
                                const std::string& flag) {
  if (!fs::exists(file)) fail("neither a fraction nor a file", flag, "0.2, or a file", file);
  std::set<std::string> result;
  for (const std::string& line : read_text_lines(file)) {
    if (line.empty()) continue;
    if (!patients.contains(line)) {
      fail("a listed patient is in no case", flag + " " + file, "patients of the cases", line);
    }
    result.insert(line);
  }
  return result;
}

using Splits = std::map<std::string, Split>;  // by patient

// The request for one split.
struct Wish {
  Split split;
  std::string flag;
  std::optional<double> fraction;  // none: exactly the listed patients
  std::set<std::string> names;
};

Wish read_wish(Split split, const std::string& text, const std::vector<CaseInfo>& cases) {
  Wish wish{.split = split, .flag = fmt::format("--{}", to_string(split)), .fraction = 0};
  if (text.empty()) return wish;
  wish.fraction = fraction_of(text, wish.flag);
  if (wish.fraction) return wish;
  std::set<std::string> patients;
  for (const CaseInfo& one : cases) patients.insert(one.patient);
  wish.names = read_list(text, patients, wish.flag);
  return wish;
}

std::vector<CaseInfo> with_patients(const std::vector<std::string>& ids,
                                    const std::string& pattern) {
  std::vector<CaseInfo> cases;
  for (const std::string& id : ids)
    cases.push_back({id, patient_of(id, pattern), "", Split::kTrain});
  return cases;
}

Splits listed_splits(const std::vector<Wish>& wishes) {
  Splits splits;
  for (const Wish& wish : wishes) {
    for (const std::string& patient : wish.names) {
      if (splits.emplace(patient, wish.split).second) continue;
      fail("a patient is in two splits", "--val and --test", "every patient once", patient);
    }
  }
  return splits;
}

// Patients of kept cases, who must be the same by today's pattern and lists.
Splits kept_splits(const std::vector<CaseInfo>& kept, const std::vector<CaseInfo>& cases,
                   const std::vector<Wish>& wishes) {
  std::map<std::string, std::string> patients;
  for (const CaseInfo& one : cases) patients[one.id] = one.patient;
  Splits splits;
  for (const CaseInfo& one : kept) {
    if (patients[one.id] != one.patient) {
      fail("the folder holds a case of another patient", "--patient, case " + one.id, one.patient,
           patients[one.id], "give the same --patient, or convert into another folder");
    }
    for (const Wish& wish : wishes) {
      const bool is_listed = wish.names.contains(one.patient);
      if (wish.fraction || is_listed == (one.split == wish.split)) continue;
      fail("the folder holds a patient of another split", wish.flag,
           fmt::format("{} in {}, as in the folder", one.patient, to_string(one.split)),
           is_listed ? "listed" : "not listed", "correct the list, or convert into another folder");
    }
    splits.emplace(one.patient, one.split);
  }
  return splits;
}

// Adds patients to `splits` until those with fractions have theirs. The order is one of all whom no
// list names, kept or not: what is drawn does not depend on how far an earlier conversion came.
void draw(const std::set<std::string>& labelled, const Splits& listed,
          const std::vector<Wish>& wishes, int64_t seed, Splits& splits) {
  std::vector<std::string> free;
  for (const std::string& patient : labelled) {
    if (!listed.contains(patient)) free.push_back(patient);
  }
  const at::Tensor order =
      Draws(static_cast<uint64_t>(seed)).permutation("convert/split", std::ssize(free));
  int64_t next = 0;
  for (const Wish& wish : wishes) {
    if (!wish.fraction) continue;
    auto left = std::llround(*wish.fraction * static_cast<double>(labelled.size())) -
                std::count_if(splits.begin(), splits.end(),
                              [&](const auto& one) { return one.second == wish.split; });
    for (; left > 0 && next < std::ssize(free); ++next) {
      const std::string& patient = free[static_cast<size_t>(order[next].item<int64_t>())];
      if (splits.emplace(patient, wish.split).second) --left;
    }
  }
}

void check_labels(const std::vector<CaseInfo>& cases, const std::set<std::string>& labelled) {
  for (const CaseInfo& one : cases) {
    if (one.split == Split::kTrain || labelled.contains(one.id)) continue;
    fail("a case for validation or test has no label", fmt::format("--{}", to_string(one.split)),
         "patients all of whose cases have labels",
         fmt::format("patient {}, case {}", one.patient, one.id),
         "give the label, take the patient off the list, or convert into another folder");
  }
}

}  // namespace

std::vector<CaseInfo> assign_splits(const SplitCases& given, const SplitRequest& request) {
  std::vector<CaseInfo> cases = with_patients(given.ids, request.patient_pattern);
  const std::set<std::string> labelled = labelled_patients(cases, given.labelled);
  // Test draws first.
  const std::vector<Wish> wishes = {read_wish(Split::kTest, request.test, cases),
                                    read_wish(Split::kVal, request.val, cases)};
  const Splits listed = listed_splits(wishes);
  Splits splits = kept_splits(given.kept, cases, wishes);
  splits.insert(listed.begin(), listed.end());
  draw(labelled, listed, wishes, request.seed, splits);
  for (CaseInfo& one : cases) {
    const auto found = splits.find(one.patient);
    if (found != splits.end()) one.split = found->second;
  }
  check_labels(cases, given.labelled);
  const bool any_trains = std::any_of(cases.begin(), cases.end(), [&](const CaseInfo& one) {
    return one.split == Split::kTrain && labelled.contains(one.patient);
  });
  if (any_trains || labelled.empty()) return cases;
  fail("no patient is left for training", "--val and --test",
       fmt::format("fewer than {} patients, who have labels", labelled.size()), "all of them",
       "lower the fractions, or shorten the lists");
}

}  // namespace semiseg
