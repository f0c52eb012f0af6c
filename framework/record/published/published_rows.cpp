// SPDX-License-Identifier: Apache-2.0
#include "framework/record/published/published_rows.h"

#include <fmt/format.h>

#include "framework/config/toml.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/metrics/statistics/paired.h"

namespace semiseg {
namespace {

[[noreturn]] void refuse(const Value& value, const std::string& key, const std::string& expected) {
  throw Error(ErrorKind::kConfig, {.what = "not a published row",
                                   .where = value.origin.where() + ": " + key,
                                   .expected = expected,
                                   .got = type_name(value)});
}

double number_of(const Value& value, const std::string& key) {
  if (const auto* whole = std::get_if<int64_t>(&value.data)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value.data)) return *real;
  refuse(value, key, "a number");
}

std::map<std::string, double> numbers_of(const Value& value, const std::string& key) {
  if (!value.is_section()) refuse(value, key, "metrics with their numbers");
  std::map<std::string, double> numbers;
  for (const Entry& entry : std::get<Section>(value.data))
    numbers[entry.key] = number_of(entry.value, entry.key);
  return numbers;
}

std::string text_of(const Value& value, const std::string& key) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  refuse(value, key, "a text");
}

int64_t count_of(const Value& value, const std::string& key) {
  if (const auto* whole = std::get_if<int64_t>(&value.data)) return *whole;
  refuse(value, key, "a whole number");
}

void set(PublishedResult& row, const Entry& entry) {
  const auto& [key, value] = entry;
  const std::map<std::string, std::string PublishedResult::*> texts = {
      {"method", &PublishedResult::method},
      {"dataset", &PublishedResult::dataset},
      {"selection", &PublishedResult::selection},
      {"protocol", &PublishedResult::protocol},
      {"source", &PublishedResult::source}};
  if (texts.contains(key)) {
    row.*texts.at(key) = text_of(value, key);
  } else if (key == "labelled") {
    row.labelled = count_of(value, key);
  } else if (key == "patients") {
    row.patients = count_of(value, key);
  } else if (key == "values") {
    row.values = numbers_of(value, key);
  } else if (key == "deviations") {
    row.deviations = numbers_of(value, key);
  } else {
    refuse(value, key,
           "method, dataset, labelled, values, deviations, patients, selection, "
           "protocol or source");
  }
}

}  // namespace

std::vector<PublishedResult> read_published(const std::filesystem::path& path) {
  const Value root = parse_toml(read_file(path), path.string());
  std::vector<PublishedResult> rows;
  for (const Entry& entry : std::get<Section>(root.data)) {
    if (!entry.value.is_section()) refuse(entry.value, entry.key, "a section for each row");
    PublishedResult row{.name = entry.key};
    for (const Entry& one : std::get<Section>(entry.value.data)) set(row, one);
    if (row.method.empty() || row.dataset.empty() || row.values.empty())
      refuse(entry.value, entry.key, "method, dataset and values");
    rows.push_back(std::move(row));
  }
  return rows;
}

bool is_own_row(const ResultsRow& row, const PublishedResult& published) {
  return row.dataset == published.dataset && row.labelled == published.labelled &&
         row.runs.front().summary->method == published.method;
}

std::optional<size_t> own_row(const StatisticsTable& table, const PublishedResult& published) {
  for (size_t i = 0; i < table.results.rows.size(); ++i) {
    if (is_own_row(table.results.rows[i], published)) return i;
  }
  return std::nullopt;
}

double lead_is_false(const RowScores& ours, const MetricField& field,
                     const PublishedResult& published) {
  const auto mean = published.values.find(field.name);
  const auto deviation = published.deviations.find(field.name);
  const bool is_known = mean != published.values.end() && deviation != published.deviations.end() &&
                        published.patients == std::ssize(ours.patients);
  if (!is_known) return kNoValue;
  const double sign = field.higher_is_better ? 1 : -1, factor = field.factor();
  return lead_is_false(PublishedRow{sign * factor * ours.mean, factor * ours.patient_deviation},
                       PublishedRow{sign * mean->second, deviation->second}, published.patients);
}

}  // namespace semiseg
