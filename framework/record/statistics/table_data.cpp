// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/table_data.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "framework/files/csv.h"
#include "framework/record/shown_text.h"

namespace semiseg {
namespace {

using Json = nlohmann::ordered_json;

bool is_interval(const TableColumn& column) {
  const std::string key = column.key;
  return key == "interval" || key == "rank" || key == "difference_t" || key == "two_way";
}

std::vector<TableLine> all_lines(const StatisticsTable& table) {
  std::vector<size_t> rows(table.results.rows.size());
  std::iota(rows.begin(), rows.end(), size_t{0});
  std::vector<TableLine> lines;
  for (const MetricScores& metric : table.metrics) {
    for (const TableLine& line : lines_of(table, metric, rows)) lines.push_back(line);
  }
  return lines;
}

std::string digits_of(double value) {
  return std::isnan(value) ? "" : fmt::format("{:.17g}", value);
}

CsvRow csv_header() {
  CsvRow header;
  for (const TableColumn& column : table_columns()) {
    if (!is_interval(column)) {
      header.emplace_back(column.key);
      continue;
    }
    for (const char* end : {"_low", "_high"}) header.push_back(std::string(column.key) + end);
  }
  return header;
}

CsvRow csv_row(const TableLine& line) {
  CsvRow fields;
  for (const TableColumn& column : table_columns()) {
    TableValue value = column.value(line);
    if (is_interval(column)) {
      value.numbers.resize(2, kNoValue);
      for (const double end : value.numbers) fields.push_back(digits_of(end));
    } else {
      fields.push_back(value.numbers.empty() ? cell_text(value.text)
                                             : digits_of(value.numbers.front()));
    }
  }
  return fields;
}

Json json_number(double value) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

}  // namespace

std::string to_csv(const StatisticsTable& table) {
  CsvTable csv;
  for (const auto* warnings : {&table.results.warnings, &table.warnings}) {
    for (const std::string& warning : *warnings)
      csv.comments.emplace_back("doubtful", one_line(warning));
  }
  for (const std::string& run : table.results.unfinished)
    csv.comments.emplace_back("not done", one_line(run));
  csv.rows.push_back(csv_header());
  for (const TableLine& line : all_lines(table)) csv.rows.push_back(csv_row(line));
  return to_csv(csv);
}

std::string to_json(const StatisticsTable& table) {
  Json json = {{"lines", Json::array()},
               {"warnings", table.results.warnings},
               {"unfinished", table.results.unfinished}};
  for (const TableLine& line : all_lines(table)) {
    Json entry;
    for (const TableColumn& column : table_columns()) entry[column.key] = json_value(column, line);
    json["lines"].push_back(std::move(entry));
  }
  for (const std::string& warning : table.warnings) json["warnings"].push_back(warning);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

nlohmann::ordered_json json_value(const TableColumn& column, const TableLine& line) {
  const TableValue value = column.value(line);
  if (value.numbers.size() == 1) return json_number(value.numbers.front());
  if (value.numbers.size() == 2)
    return {json_number(value.numbers[0]), json_number(value.numbers[1])};
  return value.text.empty() ? Json() : Json(value.text);
}

}  // namespace semiseg
