// SPDX-License-Identifier: Apache-2.0
#include "framework/record/tables/results_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "framework/record/shown_text.h"
#include "framework/record/statistics/short_cells.h"
#include "framework/record/statistics/table_columns.h"

namespace semiseg {
namespace {

const char* empty_text(const std::string& policy) {
  if (policy == "ignore") {
    return "cases without a class in both maps count in no mean of it; distances that do not exist "
           "are left out and counted.";
  }
  if (policy == "exclude") {
    return "a class that is empty in both maps counts as overlap 1; distances that do not exist "
           "are "
           "left out and counted.";
  }
  if (policy == "definition") return "empty classes count as the definition has it.";
  if (policy == "generic_ssl") {
    return "a class that is empty in one map counts as overlap 0 and distance 128, in both as 0.01 "
           "and 0.";
  }
  return "empty classes count as 0, also in distances, which flatters them.";
}

std::string heading(const StatisticsTable& table, const std::vector<size_t>& rows) {
  const ResultsRow& first = table.results.rows[rows.front()];
  const EvaluationTerms& t = first.terms;
  std::string text = fmt::format("### {}, {} split, {}\n\n", markdown_text(first.dataset),
                                 markdown_text(t.split), markdown_text(heading_text(table, rows)));
  text += fmt::format(
      "Mean over patients ± standard deviation over runs, with the 95 % interval over patients "
      "(BCa "
      "bootstrap; t: Student's). The difference of {} is paired over patients and runs with the "
      "reference of as many labels. \"better\" and \"worse\": Holm-adjusted signed-rank p < 0.05, "
      "and the 95 % interval over runs and patients excludes 0. Metrics as {} defines them, "
      "distances in {}; {}",
      table.main().field.title, markdown_text(t.definition), markdown_text(t.unit),
      empty_text(t.empty));
  if (first.label_based_preparation)
    text += " The data were prepared with the help of their labels.";
  return text;
}

std::string head_of_table(const StatisticsTable& table, const ResultsRow& first) {
  std::string text = fmt::format(
      "\n\n| labelled | method | backbone | runs | {} | 95 % interval | "
      "difference | verdict |",
      one_line(metric_title(table.main().field, first.terms)));
  std::string rule = "|---:|---|---|---:|---:|---:|---:|---|";
  for (size_t m = 1; m < table.metrics.size(); ++m) {
    if (!table.metrics[m].part.kind.empty()) break;
    text += fmt::format(" {} |", one_line(metric_title(table.metrics[m].field, first.terms)));
    rule += "---:|";
  }
  return text + " selected on |\n" + rule + "---|\n";
}

std::string line(const StatisticsTable& table, size_t row) {
  const ResultsRow& r = table.results.rows[row];
  std::string text =
      fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |", r.labelled, markdown_text(r.method),
                  markdown_text(r.backbone), r.runs.size(), mean_cell(table, row, table.main()),
                  interval_cell(table.main().rows[row], table.main().field),
                  markdown_text(difference_cell(table, row)), verdict_cell(table, row));
  for (size_t m = 1; m < table.metrics.size(); ++m) {
    if (!table.metrics[m].part.kind.empty()) break;
    text += fmt::format(" {} |", mean_cell(table, row, table.metrics[m]));
  }
  return text + fmt::format(" {} |\n", r.terms.selected_on_test()
                                           ? "**test** (selected on test)"
                                           : markdown_text(r.terms.selection));
}

std::string list(const std::string& title, const std::vector<std::string>& items) {
  if (items.empty()) return "";
  std::string text = fmt::format("\n{}\n\n", title);
  for (const std::string& item : items) text += fmt::format("- {}\n", markdown_text(item));
  return text;
}

// Parts of the first metric: one table of means, a column for each part.
std::string parts_table(const StatisticsTable& table, const std::vector<size_t>& rows) {
  std::vector<const MetricScores*> parts;
  for (const MetricScores& metric : table.metrics) {
    const bool is_part = !metric.part.kind.empty() && metric.field.name == table.main().field.name;
    if (is_part) parts.push_back(&metric);
  }
  if (parts.empty()) return "";
  const ResultsRow& first = table.results.rows[rows.front()];
  std::string text = fmt::format("\n{} of each {}:\n\n| labelled | method |",
                                 one_line(metric_title(table.main().field, first.terms)),
                                 parts.front()->part.kind);
  std::string rule = "|---:|---|";
  for (const MetricScores* part : parts) {
    text += fmt::format(" {} | verdict |", markdown_text(part->part.name));
    rule += "---:|---|";
  }
  text += "\n" + rule + "\n";
  for (const size_t row : rows) {
    const ResultsRow& r = table.results.rows[row];
    text += fmt::format("| {} | {} |", r.labelled, markdown_text(r.method));
    for (const MetricScores* part : parts) {
      std::vector<std::string> verdicts;
      for (const RowComparison& c : part->comparisons[row])
        verdicts.emplace_back(to_string(c.verdict));
      text += fmt::format(" {} | {} |", mean_cell(table, row, *part),
                          verdicts.empty() ? "–" : fmt::format("{}", fmt::join(verdicts, ", ")));
    }
    text += "\n";
  }
  return text;
}

// The line says which facts of a published row are unknown.
std::string published_line(const StatisticsTable& table, const PublishedResult& row) {
  const MetricScores& main = table.main();
  const auto known = [](const std::string& text) {
    return text.empty() ? std::string("unknown") : markdown_text(text);
  };
  const auto value = row.values.find(main.field.name);
  const auto deviation = row.deviations.find(main.field.name);
  std::string published = value == row.values.end() ? "–" : fmt::format("{:.2f}", value->second);
  if (deviation != row.deviations.end()) published += fmt::format(" ± {:.2f}", deviation->second);
  const auto ours = own_row(table, row);
  std::string p = "–";
  if (ours) {
    const double p_false = lead_is_false(main.rows[*ours], main.field, row);
    p = !std::isnan(p_false)                ? fmt::format("{:.2g}", p_false)
        : row.patients == 0                 ? "n unknown"
        : deviation == row.deviations.end() ? "deviation unknown"
                                            : "other patients";
  }
  return fmt::format(
      "| *{}* | *{}* | *{}* | {} | {} | {} | {} | {} | {} |\n",
      row.labelled > 0 ? std::to_string(row.labelled) : "unknown", markdown_text(row.method),
      published, row.patients > 0 ? std::to_string(row.patients) : "unknown", known(row.selection),
      ours ? mean_cell(table, *ours, main) : "not run", p, known(row.protocol), known(row.source));
}

std::string published_table(const StatisticsTable& table,
                            const std::vector<PublishedResult>& published) {
  if (published.empty()) return "";
  std::string text = fmt::format(
      "\nPublished {}, never ranked with the rows above; P(false) is the probability that the lead "
      "of "
      "ours is false, with a correlation of 0.8 between patients assumed:\n\n"
      "| labelled | method | published | n | selected on | ours | P(false) | protocol | source |\n"
      "|---:|---|---:|---:|---|---:|---:|---|---|\n",
      table.main().field.title);
  for (const PublishedResult& row : published) text += published_line(table, row);
  return text;
}

std::vector<std::string> empty_counts(const StatisticsTable& table) {
  std::vector<std::string> counts;
  for (const ResultsRow& row : table.results.rows) {
    if (row.missed + row.false_positive + row.both_empty == 0) continue;
    counts.push_back(fmt::format("{}, {} labelled, {}: {} missed, {} false positive, {} both empty",
                                 row.dataset, row.labelled, row.method, row.missed,
                                 row.false_positive, row.both_empty));
  }
  return counts;
}

// The rows of each section, in order.
std::vector<std::vector<size_t>> sections_of(const std::vector<ResultsRow>& rows) {
  std::vector<std::vector<size_t>> sections;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || !rows[i].same_section(rows[i - 1])) sections.emplace_back();
    sections.back().push_back(i);
  }
  return sections;
}

}  // namespace

std::string to_markdown(const StatisticsTable& table,
                        const std::vector<PublishedResult>& published) {
  std::string text;
  std::vector<std::string> words;
  for (const auto& rows : sections_of(table.results.rows)) {
    text += (text.empty() ? "" : "\n") + heading(table, rows) +
            head_of_table(table, table.results.rows[rows.front()]);
    for (const size_t row : rows) text += line(table, row);
    text += parts_table(table, rows);
  }
  for (const RowGroup& group : table.groups) {
    for (const std::string& sentence : verdict_sentences(table, group)) words.push_back(sentence);
  }
  std::vector<std::string> warnings = table.results.warnings;
  warnings.insert(warnings.end(), table.warnings.begin(), table.warnings.end());
  return text + list("In words:", words) + published_table(table, published) +
         list("Empty classes (over all runs):", empty_counts(table)) + list("Warnings:", warnings) +
         list("Unfinished runs (in no row):", table.results.unfinished);
}

}  // namespace semiseg
