// SPDX-License-Identifier: Apache-2.0
#include "framework/record/tables/cases_csv.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/files/csv.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// On disk, do not rename.
const CsvRow kFirstColumns = {"case", "patient", "centre", "label", "class"};
constexpr size_t kLabel = 3;

struct Count {
  const char* name;
  int64_t ClassMetrics::*count;
};
constexpr std::array<Count, 3> kCounts = {{{"prediction_voxels", &ClassMetrics::prediction_voxels},
                                           {"reference_voxels", &ClassMetrics::reference_voxels},
                                           {"overlap_voxels", &ClassMetrics::overlap_voxels}}};

// The metrics of the first version stand before the counts, later ones at the end of the row.
bool is_later(const MetricField& field) { return field.since > 0; }

// Returns the header row that this version of the file has.
CsvRow columns_of(int64_t version) {
  CsvRow columns = kFirstColumns;
  for (const MetricField& field : metric_schema()) {
    if (!is_later(field)) columns.emplace_back(field.name);
  }
  for (const Count& count : kCounts) columns.emplace_back(count.name);
  columns.emplace_back("empty");
  for (const MetricField& field : metric_schema()) {
    if (is_later(field) && field.since <= version) columns.emplace_back(field.name);
  }
  return columns;
}

int64_t newest_version() { return metric_schema().back().since; }

bool is_header(const CsvRow& row) {
  for (int64_t version = 0; version <= newest_version(); ++version) {
    if (row == columns_of(version)) return true;
  }
  return false;
}

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
  for (const MetricField& field : metric_schema()) {
    if (!is_later(field)) fields.push_back(number_text(row.metrics.*field.value));
  }
  for (const Count& count : kCounts) fields.push_back(std::to_string(row.metrics.*count.count));
  fields.emplace_back(empty_text(row.metrics));
  for (const MetricField& field : metric_schema()) {
    if (is_later(field)) fields.push_back(number_text(row.metrics.*field.value));
  }
  return fields;
}

[[noreturn]] void fail(const fs::path& path, const std::string& expected, const std::string& got) {
  throw Error(ErrorKind::kData, {.what = "not a table of cases",
                                 .where = path.string(),
                                 .expected = expected,
                                 .got = got,
                                 .fix = "semiseg evaluate writes the file again"});
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
  size_t next = kFirstColumns.size();
  for (const MetricField& field : metric_schema()) {
    if (!is_later(field)) row.metrics.*field.value = parse_number(fields[next++], path);
  }
  for (const Count& count : kCounts)
    row.metrics.*count.count = parse<int64_t>(fields[next++], path);
  const std::string& empty = fields[next++];
  for (const MetricField& field : metric_schema()) {
    if (!is_later(field)) continue;
    row.metrics.*field.value = parse_number(next < fields.size() ? fields[next++] : "", path);
  }
  if (empty != empty_text(row.metrics)) fail(path, empty_text(row.metrics), empty);
  return row;
}

}  // namespace

std::string to_csv(const CasesTable& cases) {
  CsvTable table;
  for (const Term& term : kTerms) table.comments.emplace_back(term.name, cases.terms.*term.value);
  table.rows = {columns_of(newest_version())};
  for (const EvaluationRow& row : cases.rows) table.rows.push_back(fields_of(row));
  return to_csv(table);
}

void write_cases(const fs::path& path, const CasesTable& cases) { write_file(path, to_csv(cases)); }

CasesTable read_cases(const fs::path& path) {
  const CsvTable table = parse_csv(read_own_file(path), path.string());
  CasesTable cases;
  for (const auto& [name, text] : table.comments) {
    for (const Term& term : kTerms) {
      if (name == term.name) cases.terms.*term.value = text;
    }
  }
  if (table.rows.empty() || !is_header(table.rows.front()))
    fail(path, "the columns " + to_csv(CsvTable{{}, {columns_of(newest_version())}}), "others");
  for (size_t i = 1; i < table.rows.size(); ++i) cases.rows.push_back(row_of(table.rows[i], path));
  return cases;
}

}  // namespace semiseg
