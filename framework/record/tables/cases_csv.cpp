// SPDX-License-Identifier: Apache-2.0
#include "framework/record/tables/cases_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

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

// The metrics of the first version stand before the counts, later ones at the end of the row, and
// behind them those that must be asked for.
bool is_later(const MetricField& field) { return field.since > 0 && !field.asked_as; }

using Fields = std::vector<MetricField>;

// Returns the fields that must be asked for and have a value in some row.
Fields asked_fields(const std::vector<EvaluationRow>& rows) {
  Fields fields;
  for (const MetricField& field : metric_schema()) {
    const bool is_there = field.asked_as && std::any_of(rows.begin(), rows.end(), [&](auto& row) {
                            return !std::isnan(row.metrics.*field.value);
                          });
    if (is_there) fields.push_back(field);
  }
  return fields;
}

// Returns the header row that this version of the file has.
CsvRow columns_of(int64_t version) {
  CsvRow columns = kFirstColumns;
  for (const MetricField& field : metric_schema()) {
    if (!is_later(field) && !field.asked_as) columns.emplace_back(field.name);
  }
  for (const Count& count : kCounts) columns.emplace_back(count.name);
  columns.emplace_back("empty");
  for (const MetricField& field : metric_schema()) {
    if (is_later(field) && field.since <= version) columns.emplace_back(field.name);
  }
  return columns;
}

int64_t newest_version() { return metric_schema().back().since; }

// Returns the asked fields at the end of a header row, none when it is no header.
std::optional<Fields> asked_fields(CsvRow header) {
  Fields fields;
  for (auto field = metric_schema().rbegin(); field != metric_schema().rend(); ++field) {
    if (!field->asked_as || header.empty() || header.back() != field->name) continue;
    fields.insert(fields.begin(), *field);
    header.pop_back();
  }
  for (int64_t version = 0; version <= newest_version(); ++version) {
    if (header == columns_of(version)) return fields;
  }
  return std::nullopt;
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

CsvRow fields_of(const EvaluationRow& row, const Fields& asked) {
  CsvRow fields = {row.case_id, row.patient, row.centre, std::to_string(row.label), row.class_name};
  for (const MetricField& field : metric_schema()) {
    if (!is_later(field) && !field.asked_as)
      fields.push_back(number_text(row.metrics.*field.value));
  }
  for (const Count& count : kCounts) fields.push_back(std::to_string(row.metrics.*count.count));
  fields.emplace_back(empty_text(row.metrics));
  for (const MetricField& field : metric_schema()) {
    if (is_later(field)) fields.push_back(number_text(row.metrics.*field.value));
  }
  for (const MetricField& field : asked) fields.push_back(number_text(row.metrics.*field.value));
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

EvaluationRow row_of(const CsvRow& fields, const Fields& asked, const fs::path& path) {
  EvaluationRow row{.case_id = fields[0],
                    .patient = fields[1],
                    .centre = fields[2],
                    .label = parse<int64_t>(fields[kLabel], path),
                    .class_name = fields[kLabel + 1]};
  size_t next = kFirstColumns.size();
  for (const MetricField& field : metric_schema()) {
    if (!is_later(field) && !field.asked_as)
      row.metrics.*field.value = parse_number(fields[next++], path);
  }
  for (const Count& count : kCounts)
    row.metrics.*count.count = parse<int64_t>(fields[next++], path);
  const std::string& empty = fields[next++];
  for (const MetricField& field : metric_schema()) {
    if (!is_later(field)) continue;
    const bool is_there = next + asked.size() < fields.size();
    row.metrics.*field.value = parse_number(is_there ? fields[next++] : "", path);
  }
  for (const MetricField& field : asked)
    row.metrics.*field.value = parse_number(fields[next++], path);
  if (empty != empty_text(row.metrics)) fail(path, empty_text(row.metrics), empty);
  return row;
}

}  // namespace

std::string to_csv(const CasesTable& cases) {
  CsvTable table;
  for (const Term& term : kTerms) table.comments.emplace_back(term.name, cases.terms.*term.value);
  const Fields asked = asked_fields(cases.rows);
  table.rows = {columns_of(newest_version())};
  for (const MetricField& field : asked) table.rows.front().emplace_back(field.name);
  for (const EvaluationRow& row : cases.rows) table.rows.push_back(fields_of(row, asked));
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
  const auto asked = table.rows.empty() ? std::nullopt : asked_fields(table.rows.front());
  if (!asked)
    fail(path, "the columns " + to_csv(CsvTable{{}, {columns_of(newest_version())}}), "others");
  for (size_t i = 1; i < table.rows.size(); ++i)
    cases.rows.push_back(row_of(table.rows[i], *asked, path));
  return cases;
}

}  // namespace semiseg
