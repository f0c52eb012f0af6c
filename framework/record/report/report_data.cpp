// SPDX-License-Identifier: Apache-2.0
#include "framework/record/report/report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/own_file.h"
#include "framework/files/json.h"
#include "framework/record/report/overlay.h"
#include "framework/record/report/report_curves.h"
#include "framework/record/report/report_slices.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/shown_text.h"
#include "framework/record/statistics/table_columns.h"
#include "framework/record/statistics/table_data.h"
#include "framework/record/tables/cases_csv.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;
using Fields = std::vector<MetricField>;

constexpr int64_t kMostRows = 2000;  // rows of a curve: more than a screen has pixels

// Six digits: more than a screen shows, a third of the bytes.
Json rounded(double value) {
  return std::isfinite(value) ? Json(std::stod(fmt::format("{:.6g}", value))) : Json();
}

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(rounded(value));
  return list;
}

Json to_json_value(const Curves& curves) {
  Json values = Json::object();
  for (const auto& [name, column] : curves.values) values[name] = numbers(column);
  return {{"steps", curves.steps}, {"every", curves.every}, {"values", std::move(values)}};
}

Json metrics_of(const fs::path& path) {
  if (!fs::exists(path)) return nullptr;
  const std::vector<MetricsRow> rows = read_metrics_log(path);
  std::string split;
  for (const auto& row : rows) {
    if (!row.split.empty()) split = row.split;
  }
  Json stages = Json::array();
  for (const auto& [name, first, last] : stage_spans(rows))
    stages.push_back({{"name", name}, {"first", first}, {"last", last}});
  Json json = {{"stages", std::move(stages)},
               {"training", to_json_value(curves_of(rows, "", kMostRows))},
               {"validation", nullptr}};
  if (!split.empty()) {
    json["validation"] = to_json_value(curves_of(rows, split, kMostRows));
    json["validation"]["split"] = split;
  }
  return json;
}

Json to_json_value(const EvaluationRow& row, const Fields& fields) {
  const ClassMetrics& m = row.metrics;
  Json json = {{"case", row.case_id},
               {"patient", row.patient},
               {"centre", row.centre},
               {"class", row.class_name}};
  for (const MetricField& field : fields) json[field.name] = rounded(m.*field.value);
  json.update({{"reference_voxels", m.reference_voxels},
               {"prediction_voxels", m.prediction_voxels},
               {"both_empty", m.both_empty()},
               {"missed", m.missed()},
               {"false_positive", m.false_positive()}});
  return json;
}

Json scores_of(const fs::path& path, const Fields& fields) {
  if (!fs::exists(path)) return nullptr;
  const CasesTable cases = read_cases(path);
  Json rows = Json::array();
  for (const auto& row : cases.rows) rows.push_back(to_json_value(row, fields));
  return {{"definition", cases.terms.definition},
          {"unit", cases.terms.unit},
          {"tolerance", cases.terms.tolerance},
          {"empty_policy", cases.terms.empty},
          {"split", cases.terms.split},
          {"selection", cases.terms.selection},
          {"selected_on_test", cases.terms.selected_on_test()},
          {"rows", std::move(rows)}};
}

Json json_file(const fs::path& path) {
  if (!fs::exists(path)) return nullptr;
  const std::string text = read_own_file(path);
  check_json_bounds(text, path.string());
  try {
    return Json::parse(text);
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kData, {.what = "a file of the run is damaged",
                                   .where = path.string(),
                                   .expected = "JSON",
                                   .got = error.what(),
                                   .fix = "remove the file: the report goes without it"});
  }
}

Json summary_of(const std::optional<RunSummary>& summary) {
  return summary ? Json::parse(to_json(*summary)) : Json();
}

Json run_of(const FoundRun& run, const Fields& fields) {
  const fs::path config = run.folder / kRunConfigFile;
  std::error_code hidden;
  const bool has_config = fs::exists(config, hidden);
  if (hidden) {
    throw Error(ErrorKind::kIo, {.what = "cannot read the run (" + hidden.message() + ")",
                                 .where = run.folder.string()});
  }
  return {{"name", fs::weakly_canonical(run.folder).filename().string()},
          {"folder", run.folder.string()},
          {"status", run.summary ? "done" : run.unfinished},
          {"summary", summary_of(run.summary)},
          {"metrics", metrics_of(run.folder / "metrics.jsonl")},
          {"scores", scores_of(run.folder / "cases.csv", fields)},
          {"worst", json_file(run.folder / kWorstCasesFile)},
          {"config", has_config ? Json(read_own_file(config)) : Json()},
          {"provenance", json_file(run.folder / "provenance.json")}};
}

// Returns the shown fields without those that must be asked for and no run has.
Fields fields_of(const std::vector<FoundRun>& runs) {
  Fields fields = shown_metrics();
  std::erase_if(fields, [&](const MetricField& field) {
    return std::none_of(runs.begin(), runs.end(), [&](const FoundRun& run) {
      return run.summary ? has_field(run.summary->metrics.overall, field) : !field.asked_as;
    });
  });
  return fields;
}

// Returns how the page shows the metrics of its rows; "distance" stands for the unit of a run.
Json to_json_value(const Fields& fields) {
  Json list = Json::array();
  for (const MetricField& field : fields) {
    const bool percent = field.unit == MetricUnit::kPercent;
    const bool distance = field.unit == MetricUnit::kDistance;
    list.push_back({{"key", field.name},
                    {"title", field.title},
                    {"unit", percent    ? Json("%")
                             : distance ? Json("distance")
                                        : Json()},
                    {"factor", field.factor()},
                    {"digits", percent ? 1 : 2},
                    {"higher_is_better", field.higher_is_better},
                    {"mean_of_absolute", field.mean_of_absolute},
                    {"meaning", field.meaning ? Json(field.meaning) : Json()}});
  }
  return list;
}

// Returns the lines of the table and, for the first metric, each row's values of its patients.
Json statistics_of(const std::vector<FoundRun>& runs) {
  const StatisticsTable table = make_statistics_table(runs);
  Json json = Json::parse(to_json(table));
  json["patients"] = Json::array();
  for (size_t i = 0; i < table.results.rows.size(); ++i) {
    const TableLine line{table, i, table.main(), nullptr};
    Json entry;
    for (const TableColumn& column : table_columns()) {
      const bool is_name = column.group == ColumnGroup::kRow || column.group == ColumnGroup::kTerms;
      if (is_name) entry[column.key] = json_value(column, line);
    }
    entry["values"] = Json::object();
    for (const auto& [patient, value] : line.scores().patients)
      entry["values"][patient] = rounded(table.main().field.factor() * value);
    json["patients"].push_back(std::move(entry));
  }
  return json;
}

Json palette() {
  Json colours = Json::array();
  for (int64_t label = 1; label <= 14; ++label) {
    const Colour c = class_colour(label);
    colours.push_back(fmt::format("#{:02x}{:02x}{:02x}", c[0], c[1], c[2]));
  }
  return colours;
}

}  // namespace

std::string report_data(const std::vector<FoundRun>& runs, int64_t now) {
  const Fields fields = fields_of(runs);
  Json json = {{"made", iso_time(now)},
               {"class_colours", palette()},
               {"metrics", to_json_value(fields)},
               {"statistics", statistics_of(runs)},
               {"runs", Json::array()}};
  for (const auto& run : runs) {
    try {
      json["runs"].push_back(run_of(run, fields));
    } catch (const Error& error) {
      if (runs.size() == 1) throw;
      log::warn("a run is left out of the report:\n{}", error.what());
    }
  }
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace semiseg
