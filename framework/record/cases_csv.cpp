// SPDX-License-Identifier: Apache-2.0
#include "framework/record/cases_csv.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/record/csv.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// On disk, do not rename.
const CsvRow kColumns = {"case",
                         "patient",
                         "centre",
                         "label",
                         "class",
                         "dice",
                         "jaccard",
                         "hd95",
                         "asd",
                         "hd",
                         "assd",
                         "prediction_voxels",
                         "reference_voxels",
                         "overlap_voxels",
                         "empty",
                         "surface_dice",
                         "volume_error"};
constexpr size_t kLabel = 3, kFirstNumber = 5, kFirstCount = 11, kEmpty = 14, kFirstLater = 15;

constexpr std::array<double ClassMetrics::*, 6> kNumbers = {
    &ClassMetrics::dice, &ClassMetrics::jaccard, &ClassMetrics::hd95,
    &ClassMetrics::asd,  &ClassMetrics::hd,      &ClassMetrics::assd};
// Files of older versions end before these.
constexpr std::array<double ClassMetrics::*, 2> kLaterNumbers = {&ClassMetrics::surface_dice,
                                                                 &ClassMetrics::volume_error};
constexpr std::array<int64_t ClassMetrics::*, 3> kCounts = {&ClassMetrics::prediction_voxels,
                                                            &ClassMetrics::reference_voxels,
                                                            &ClassMetrics::overlap_voxels};

struct Term {
  const char* name;
  std::string EvaluationTerms::*value;
};
constexpr std::array<Term, 6> kTerms = {{{"definition", &EvaluationTerms::definition},
                                         {"unit", &EvaluationTerms::unit},
                                         {"tolerance", &EvaluationTerms::tolerance},
                                         {"empty policy", &EvaluationTerms::empty},
                                         {"split", &EvaluationTerms::split},
                                         {"selection split", &EvaluationTerms::selection}}};

std::string number_text(double value) {
  return std::isnan(value) ? "" : fmt::format("{:.17g}", value);
}

const char* empty_text(const ClassMetrics& m) {
  if (m.both_empty()) return "both";
  if (m.missed()) return "missed";
  return m.false_positive() ? "false_positive" : "";
}

CsvRow fields_of(const EvaluationRow& row) {
  CsvRow fields = {row.case_id, row.patient, row.centre, std::to_string(row.label), row.class_name};
  for (const auto number : kNumbers) fields.push_back(number_text(row.metrics.*number));
  for (const auto count : kCounts) fields.push_back(std::to_string(row.metrics.*count));
  fields.push_back(empty_text(row.metrics));
  for (const auto number : kLaterNumbers) fields.push_back(number_text(row.metrics.*number));
  return fields;
}

[[noreturn]] void fail(const fs::path& path, const std::string& expected, const std::string& got) {
  throw Error(ErrorKind::kData, {.what = "not a table of cases",
                                 .where = path.string(),
                                 .expected = expected,
                                 .got = got,
                                 .fix = "semiseg evaluate writes the file anew"});
}

template <class Number>
Number parse(const std::string& text, const fs::path& path) {
  Number number{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size())
    fail(path, "a number", "'" + text + "'");
  return number;
}

double parse_number(const std::string& text, const fs::path& path) {
  return text.empty() ? std::numeric_limits<double>::quiet_NaN() : parse<double>(text, path);
}

EvaluationRow row_of(const CsvRow& fields, const fs::path& path) {
  EvaluationRow row{.case_id = fields[0],
                    .patient = fields[1],
                    .centre = fields[2],
                    .label = parse<int64_t>(fields[kLabel], path),
                    .class_name = fields[kLabel + 1]};
  for (size_t i = 0; i < kNumbers.size(); ++i) {
    row.metrics.*kNumbers[i] = parse_number(fields[kFirstNumber + i], path);
  }
  for (size_t i = 0; i < kCounts.size(); ++i) {
    row.metrics.*kCounts[i] = parse<int64_t>(fields[kFirstCount + i], path);
  }
  for (size_t i = 0; i < kLaterNumbers.size(); ++i) {
    row.metrics.*kLaterNumbers[i] =
        parse_number(fields.size() > kFirstLater ? fields[kFirstLater + i] : "", path);
  }
  if (fields[kEmpty] != empty_text(row.metrics))
    fail(path, empty_text(row.metrics), fields[kEmpty]);
  return row;
}

}  // namespace

std::string to_csv(const CasesTable& cases) {
  CsvTable table;
  for (const Term& term : kTerms) table.comments.emplace_back(term.name, cases.terms.*term.value);
  table.rows = {kColumns};
  for (const EvaluationRow& row : cases.rows) table.rows.push_back(fields_of(row));
  return to_csv(table);
}

void write_cases(const fs::path& path, const CasesTable& cases) { write_file(path, to_csv(cases)); }

CasesTable read_cases(const fs::path& path) {
  const CsvTable table = parse_csv(read_file(path), path.string());
  CasesTable cases;
  for (const auto& [name, text] : table.comments) {
    for (const Term& term : kTerms) {
      if (name == term.name) cases.terms.*term.value = text;
    }
  }
  const CsvRow older(kColumns.begin(), kColumns.begin() + kFirstLater);
  if (table.rows.empty() || (table.rows.front() != kColumns && table.rows.front() != older))
    fail(path, "the columns " + to_csv(CsvTable{{}, {kColumns}}), "others");
  for (size_t i = 1; i < table.rows.size(); ++i) cases.rows.push_back(row_of(table.rows[i], path));
  return cases;
}

}  // namespace semiseg
