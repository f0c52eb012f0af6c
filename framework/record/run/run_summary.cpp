// SPDX-License-Identifier: Apache-2.0
#include "framework/record/run/run_summary.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/data/dataset.h"
#include "framework/files/json.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kFormat = 1;

// JSON has no infinity, and a mean that is infinite must not pass for one that is missing.
Json finite_or_text(double value) {
  if (std::isnan(value)) return {};
  return std::isinf(value) ? Json(value > 0 ? "inf" : "-inf") : Json(value);
}

double number_of(const Json& json) {
  if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
  return json.is_string() ? std::stod(json.get<std::string>()) : json.get<double>();
}

Json to_json_value(const EvaluationMeans& means) {
  Json json;
  for (const MetricField& field : metric_schema()) {
    if (!has_field(means, field)) continue;
    const MetricMean& m = means.*field.mean;
    json[field.name] = {{"mean", finite_or_text(m.mean)}, {"count", m.count}};
  }
  json["rows"] = means.rows;
  json["both_empty"] = means.both_empty;
  json["missed"] = means.missed;
  json["false_positive"] = means.false_positive;
  return json;
}

// Summaries of older versions lack the later means, others those that were not asked for.
MetricMean metric_mean(const Json& json, const MetricField& field) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (field.since > 0 && !json.contains(field.name)) return {kNone, 0};
  const Json& mean = json.at(field.name);
  return {number_of(mean.at("mean")), whole_number(mean.at("count"))};
}

EvaluationMeans means_of(const Json& json) {
  EvaluationMeans means;
  for (const MetricField& field : metric_schema()) means.*field.mean = metric_mean(json, field);
  means.rows = whole_number(json.at("rows"));
  means.both_empty = whole_number(json.at("both_empty"));
  means.missed = whole_number(json.at("missed"));
  means.false_positive = whole_number(json.at("false_positive"));
  return means;
}

// Summaries of older versions have former names.
std::string present_name(const std::string& dataset) {
  const auto& renamed = DatasetRegistry::instance().renamed();
  const auto found = renamed.find(dataset);
  return found == renamed.end() ? dataset : found->second;
}

RunSummary summary_of(const Json& json) {
  if (json.at("format") != kFormat) throw std::out_of_range("format " + json.at("format").dump());
  RunSummary s;
  s.method = json.at("method");
  s.backbone = json.at("backbone");
  s.dataset = present_name(json.at("dataset"));
  s.choices = json.value("choices", s.choices);
  s.overridden = json.value("overridden", s.overridden);
  s.labelled = whole_number(json.at("labelled"));
  s.seed = whole_number(json.at("seed"));
  s.terms = {.definition = json.at("definition"),
             .unit = json.at("unit"),
             .tolerance = json.value("tolerance", EvaluationTerms().tolerance),
             .empty = json.at("empty_policy"),
             .split = json.at("split"),
             .selection = json.at("selection_split")};
  s.metrics.cases = whole_number(json.at("cases"));
  s.metrics.overall = means_of(json.at("overall"));
  for (const Json& entry : json.at("classes")) {
    s.metrics.class_names.push_back(entry.at("class"));
    s.metrics.classes.push_back(means_of(entry));
  }
  s.label_based_preparation = json.at("label_based_preparation");
  s.config_hash = json.at("config_hash");
  s.settings_hash = json.value("settings_hash", "");
  if (json.contains("settings"))
    s.settings = json.at("settings").get<std::map<std::string, std::string>>();
  s.iterations = whole_number(json.at("iterations"));
  s.wall_seconds = json.at("wall_seconds");
  return s;
}

}  // namespace

int64_t draw_of(const RunSummary& summary) {
  const auto found = summary.overridden.find("labelled_draw");
  int64_t draw = 0;
  if (found != summary.overridden.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), draw);
  return draw;
}

nlohmann::ordered_json to_json_value(const EvaluationSummary& metrics) {
  Json json = {{"cases", metrics.cases},
               {"overall", to_json_value(metrics.overall)},
               {"classes", Json::array()}};
  for (size_t i = 0; i < metrics.classes.size(); ++i) {
    Json entry = {{"class", metrics.class_names[i]}};
    entry.update(to_json_value(metrics.classes[i]));
    json["classes"].push_back(std::move(entry));
  }
  return json;
}

std::string to_json(const RunSummary& s) {
  Json json = {{"format", kFormat},
               {"method", s.method},
               {"backbone", s.backbone},
               {"dataset", s.dataset},
               {"choices", s.choices},
               {"overridden", s.overridden},
               {"labelled", s.labelled},
               {"seed", s.seed},
               {"split", s.terms.split},
               {"selection_split", s.terms.selection},
               {"definition", s.terms.definition},
               {"unit", s.terms.unit},
               {"tolerance", s.terms.tolerance},
               {"empty_policy", s.terms.empty}};
  json.update(to_json_value(s.metrics));
  json["label_based_preparation"] = s.label_based_preparation;
  json["config_hash"] = s.config_hash;
  json["settings_hash"] = s.settings_hash;
  if (s.settings) json["settings"] = *s.settings;
  json["iterations"] = s.iterations;
  json["wall_seconds"] = s.wall_seconds;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void write_run_summary(const fs::path& path, const RunSummary& summary) {
  write_file(path, to_json(summary));
}

RunSummary read_run_summary(const fs::path& path) {
  const std::string text = read_own_file(path);
  check_json_bounds(text, path.string());
  try {
    return summary_of(Json::parse(text));
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kData, {.what = "cannot parse the summary of the run",
                                   .where = path.string(),
                                   .got = error.what(),
                                   .fix = "cases.csv beside it holds the rows; without the file "
                                          "the run is left out of tables"});
  }
}

}  // namespace semiseg
