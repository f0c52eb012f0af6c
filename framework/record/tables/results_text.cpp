// SPDX-License-Identifier: Apache-2.0
#include "framework/record/tables/results_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "framework/files/csv.h"
#include "framework/record/row_labels.h"
#include "framework/record/shown_text.h"

namespace semiseg {
namespace {

SeedStatistics in_unit(SeedStatistics s, const MetricField& field) {
  s.mean *= field.factor();
  s.deviation *= field.factor();
  return s;
}

// "NSD at 1 mm [%]"
std::string title(const MetricField& field, const EvaluationTerms& terms) {
  std::string text = field.title;
  if (field.at_tolerance) text += fmt::format(" at {} {}", terms.tolerance, terms.unit);
  if (field.unit == MetricUnit::kPercent) text += " [%]";
  if (field.unit == MetricUnit::kDistance) text += fmt::format(" [{}]", terms.unit);
  return text;
}

// "dice_percent"
std::string column(const MetricField& field) {
  return std::string(field.name) + (field.unit == MetricUnit::kPercent ? "_percent" : "");
}

// "81.20 ± 0.46"; the number of runs when it is not that of the row.
std::string cell(const SeedStatistics& s, size_t runs) {
  if (s.n == 0) return "–";
  std::string text = fmt::format("{:.2f}", s.mean);
  if (s.n > 1) text += fmt::format(" ± {:.2f}", s.deviation);
  if (s.n != static_cast<int64_t>(runs)) text += fmt::format(" (n = {})", s.n);
  return text;
}

const char* empty_text(const std::string& policy) {
  if (policy == "exclude") return "empty classes are left out of distances and counted.";
  if (policy == "definition") return "empty classes count as the definition has it.";
  return "empty classes count as 0, also in distances, which flatters them.";
}

std::string heading(const ResultsRow& row) {
  const EvaluationTerms& t = row.terms;
  std::string text = fmt::format("### {}, {} split, {} cases\n\n", markdown_text(row.dataset),
                                 markdown_text(t.split), row.cases);
  text += fmt::format(
      "Mean ± standard deviation over seeds. Metrics as {} defines them, distances in {}; ",
      markdown_text(t.definition), markdown_text(t.unit));
  text += empty_text(t.empty);
  if (row.label_based_preparation) text += " The data were prepared with the help of their labels.";
  text += "\n\n| labelled | method | backbone | n |";
  std::string rule = "|---:|---|---|---:|";
  for (const MetricField& field : shown_metrics()) {
    text += fmt::format(" {} |", one_line(title(field, t)));
    rule += "---:|";
  }
  return text + " missed | false positive | both empty | selected on |\n" + rule +
         "---:|---:|---:|---|\n";
}

std::string line(const ResultsRow& row) {
  const size_t n = row.seeds.size();
  std::string text = fmt::format("| {} | {} | {} | {} |", row.labelled, markdown_text(row.method),
                                 markdown_text(row.backbone), n);
  const std::vector<MetricField> fields = shown_metrics();
  for (size_t i = 0; i < fields.size(); ++i) {
    text += fmt::format(" {} |", cell(in_unit(row.metrics[i], fields[i]), n));
  }
  return text + fmt::format(" {} | {} | {} | {} |\n", row.missed, row.false_positive,
                            row.both_empty,
                            row.terms.selected_on_test() ? "**test** (selected on test)"
                                                         : markdown_text(row.terms.selection));
}

std::string list(const std::string& title, const std::vector<std::string>& items) {
  if (items.empty()) return "";
  std::string text = fmt::format("\n{}\n\n", title);
  for (const std::string& item : items) text += fmt::format("- {}\n", markdown_text(item));
  return text;
}

std::string number(double value) { return std::isnan(value) ? "" : fmt::format("{:.17g}", value); }

CsvRow csv_row(const ResultsRow& row) {
  const EvaluationTerms& t = row.terms;
  CsvRow fields = {cell_text(row.dataset),
                   cell_text(t.split),
                   cell_text(t.definition),
                   cell_text(t.unit),
                   cell_text(t.tolerance),
                   cell_text(t.empty),
                   std::to_string(row.cases),
                   row.label_based_preparation ? "yes" : "no",
                   std::to_string(row.labelled),
                   cell_text(row.method),
                   cell_text(row.backbone),
                   cell_text(t.selection),
                   t.selected_on_test() ? "yes" : "no",
                   std::to_string(row.seeds.size()),
                   fmt::format("{}", fmt::join(row.seeds, " "))};
  const std::vector<MetricField> metrics = shown_metrics();
  for (size_t i = 0; i < metrics.size(); ++i) {
    const SeedStatistics s = in_unit(row.metrics[i], metrics[i]);
    fields.insert(fields.end(), {number(s.mean), number(s.deviation), std::to_string(s.n)});
  }
  for (const int64_t count : {row.missed, row.false_positive, row.both_empty})
    fields.push_back(std::to_string(count));
  fields.push_back(cell_text(choices_text(row)));
  return fields;
}

}  // namespace

std::string to_markdown(const ResultsTable& table) {
  std::string text;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const bool begins_section = i == 0 || !table.rows[i].same_section(table.rows[i - 1]);
    if (begins_section) text += (i == 0 ? "" : "\n") + heading(table.rows[i]);
    text += line(table.rows[i]);
  }
  return text + list("Warnings:", table.warnings) +
         list("Unfinished runs (in no row):", table.unfinished);
}

std::string to_csv(const ResultsTable& table) {
  CsvTable csv;
  for (const std::string& warning : table.warnings)
    csv.comments.emplace_back("doubtful", one_line(warning));
  for (const std::string& run : table.unfinished)
    csv.comments.emplace_back("not done", one_line(run));
  csv.rows.push_back({"dataset", "split", "definition", "unit", "tolerance", "empty_policy",
                      "cases", "label_based_preparation", "labelled", "method", "backbone",
                      "selection_split", "selected_on_test", "n", "seeds"});
  for (const MetricField& field : shown_metrics()) {
    for (const char* statistic : {"mean", "std", "n"}) {
      csv.rows.front().push_back(fmt::format("{}_{}", column(field), statistic));
    }
  }
  csv.rows.front().insert(csv.rows.front().end(),
                          {"missed", "false_positive", "both_empty", "choices"});
  for (const ResultsRow& row : table.rows) csv.rows.push_back(csv_row(row));
  return to_csv(csv);
}

}  // namespace semiseg
