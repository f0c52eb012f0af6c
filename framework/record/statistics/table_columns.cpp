// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/table_columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <set>

#include "framework/record/row_labels.h"
#include "framework/record/statistics/row_account.h"

namespace semiseg {
namespace {

using G = ColumnGroup;
using Line = TableLine;

TableValue number(double value) { return {"", {value}}; }
TableValue count(int64_t value) { return number(static_cast<double>(value)); }
TableValue text(std::string value) { return {std::move(value), {}}; }

double factor(const Line& line) { return line.metric.field.factor(); }

TableValue scaled(const Line& line, double value) { return number(factor(line) * value); }

TableValue scaled(const Line& line, const Interval& interval) {
  return {"", {factor(line) * interval.low, factor(line) * interval.high}};
}

// The sign that turns "better" into "larger".
double sign_of(const Line& line) { return line.metric.field.higher_is_better ? 1 : -1; }

// A difference as the metric has it, row minus reference.
Interval raw(const Line& line, const Interval& oriented) {
  return sign_of(line) > 0 ? oriented : Interval{-oriented.high, -oriented.low};
}

// A column of comparisons is empty without one.
template <class Value>
std::function<TableValue(const Line&)> compared(Value value) {
  return [value](const Line& line) {
    return line.comparison ? value(line, *line.comparison) : TableValue{};
  };
}

template <class Value>
std::function<TableValue(const Line&)> ranked(Value value) {
  return [value](const Line& line) {
    const auto& rank = line.metric.ranks[line.row];
    return rank ? value(*rank) : TableValue{};
  };
}

std::vector<TableColumn> row_columns() {
  return {
      {"dataset", "", G::kTerms, 0, [](const Line& l) { return text(l.results().dataset); }},
      {"split", "", G::kTerms, 0, [](const Line& l) { return text(l.results().terms.split); }},
      {"definition", "", G::kTerms, 0,
       [](const Line& l) { return text(l.results().terms.definition); }},
      {"unit", "", G::kTerms, 0, [](const Line& l) { return text(l.results().terms.unit); }},
      {"tolerance", "", G::kTerms, 0,
       [](const Line& l) { return text(l.results().terms.tolerance); }},
      {"empty_policy", "", G::kTerms, 0,
       [](const Line& l) { return text(l.results().terms.empty); }},
      {"cases", "", G::kTerms, 0, [](const Line& l) { return count(l.results().cases); }},
      {"label_based_preparation", "", G::kTerms, 0,
       [](const Line& l) { return text(l.results().label_based_preparation ? "yes" : "no"); }},
      {"labelled", "labelled", G::kRow, 0,
       [](const Line& l) { return count(l.results().labelled); }},
      {"method", "method", G::kRow, 0, [](const Line& l) { return text(l.results().method); }},
      {"backbone", "backbone", G::kRow, 0,
       [](const Line& l) { return text(l.results().backbone); }},
      {"selection_split", "", G::kTerms, 0,
       [](const Line& l) { return text(l.results().terms.selection); }},
      {"selected_on_test", "", G::kTerms, 0,
       [](const Line& l) { return text(l.results().terms.selected_on_test() ? "yes" : "no"); }},
      {"runs", "runs", G::kRow, 0,
       [](const Line& l) { return count(std::ssize(l.results().runs)); }},
      {"seeds", "", G::kTerms, 0,
       [](const Line& l) { return text(fmt::format("{}", fmt::join(l.results().seeds, " "))); }},
      {"draws", "draws", G::kRuns, 0,
       [](const Line& l) {
         std::set<int64_t> draws;
         for (const auto& [seed, draw] : run_keys(l.results())) draws.insert(draw);
         return count(std::ssize(draws));
       }},
      {"metric", "", G::kTerms, 0, [](const Line& l) { return text(l.metric.field.name); }},
      {"metric_unit", "", G::kTerms, 0,
       [](const Line& l) { return text(unit_of(l.metric.field, l.results().terms)); }},
      {"part", "", G::kTerms, 0, [](const Line& l) { return text(l.metric.part.kind); }},
      {"part_name", "", G::kTerms, 0, [](const Line& l) { return text(l.metric.part.name); }}};
}

std::vector<TableColumn> score_columns() {
  return {{"patients", "n", G::kScores, 0,
           [](const Line& l) { return count(std::ssize(l.scores().patients)); }},
          {"patients_missing", "", G::kScores, 0,
           [](const Line& l) { return count(l.scores().missing); }},
          {"mean", "mean", G::kScores, 2, [](const Line& l) { return scaled(l, row_mean(l)); }},
          {"std_seeds", "± seeds", G::kScores, 2,
           [](const Line& l) { return scaled(l, row_seed_deviation(l)); }},
          {"std_draws", "± draws", G::kScores, 2,
           [](const Line& l) { return scaled(l, l.scores().draw_deviation); }},
          {"std_patients", "± patients", G::kScores, 2,
           [](const Line& l) { return scaled(l, l.scores().patient_deviation); }},
          {"interval", "95 % interval", G::kScores, 2,
           [](const Line& l) { return scaled(l, l.scores().interval.interval); }},
          {"interval_kind", "by", G::kScores, 0,
           [](const Line& l) {
             const PatientInterval& i = l.scores().interval;
             return text(std::isnan(i.interval.low) ? "" : i.is_student ? "t" : "BCa");
           }},
          {"p_first", "P(rank 1)", G::kScores, 3,
           ranked([](const RankStatistics& r) { return number(r.p_first); })},
          {"mean_rank", "rank", G::kScores, 2,
           ranked([](const RankStatistics& r) { return number(r.mean_rank); })},
          {"rank", "95 % of the rank", G::kScores, 1, ranked([](const RankStatistics& r) {
             return TableValue{"", {r.interval.low, r.interval.high}};
           })},
          {"selection_gap", "selected − last", G::kScores, 2,
           [](const Line& l) { return scaled(l, l.scores().gap); }}};
}

std::vector<TableColumn> comparison_columns() {
  using C = const RowComparison&;
  return {
      {"against", "against", G::kComparison, 0,
       compared([](const Line& l, C c) { return text(l.table.results.rows[c.reference].method); })},
      {"paired_runs", "paired runs", G::kComparison, 0,
       compared([](const Line&, C c) { return count(c.paired_runs); })},
      {"paired_patients", "n", G::kComparison, 0,
       compared([](const Line&, C c) { return count(c.paired.n); })},
      {"difference", "difference", G::kComparison, 2,
       compared([](const Line& l, C c) { return scaled(l, sign_of(l) * c.paired.difference); })},
      {"difference_t", "95 % (t)", G::kComparison, 2,
       compared([](const Line& l, C c) { return scaled(l, raw(l, c.paired.interval)); })},
      {"two_way", "95 % over runs and patients", G::kComparison, 2,
       compared([](const Line& l, C c) { return scaled(l, raw(l, c.two_way)); })},
      {"signed_rank_p", "signed-rank p", G::kComparison, -1,
       compared([](const Line&, C c) { return number(c.paired.signed_rank.p); })},
      {"signed_rank_method", "", G::kComparison, 0, compared([](const Line&, C c) {
         return text(c.paired.signed_rank.is_exact ? "exact" : "approx");
       })},
      {"holm_p", "Holm p", G::kComparison, -1,
       compared([](const Line&, C c) { return number(c.holm); })},
      {"t_p", "t p", G::kComparison, -1,
       compared([](const Line&, C c) { return number(c.paired.t_p); })},
      {"effect", "effect", G::kComparison, 2,
       compared([](const Line& l, C c) { return number(sign_of(l) * c.paired.effect); })},
      {"wins", "wins", G::kComparison, 0,
       compared([](const Line&, C c) { return count(c.paired.wins); })},
      {"ties", "ties", G::kComparison, 0,
       compared([](const Line&, C c) { return count(c.paired.ties); })},
      {"losses", "losses", G::kComparison, 0,
       compared([](const Line&, C c) { return count(c.paired.losses); })},
      {"p_false", "P(false)", G::kComparison, -1,
       compared([](const Line&, C c) { return number(c.paired.p_false); })},
      {"verdict", "verdict", G::kComparison, 0,
       compared([](const Line&, C c) { return text(to_string(c.verdict)); })}};
}

// Account of the runs of a row; the numbers do not depend on the metric.
template <class Value>
std::function<TableValue(const Line&)> accounted(Value value) {
  return [value](const Line& line) { return value(account_of(line)); };
}

std::vector<TableColumn> run_columns() {
  using A = const RowAccount&;
  return {
      {"labelled_patients", "labels: training", G::kRuns, 0,
       [](const Line& l) { return count(l.results().labelled); }},
      {"selection_patients", "labels: selection", G::kRuns, 0,
       accounted([](A a) { return number(a.selection_patients); })},
      {"labels_touched", "labels touched", G::kRuns, 0,
       accounted([](A a) { return number(a.labels_touched); })},
      {"tail_mean", "tail", G::kRuns, 2, accounted([](A a) { return number(100 * a.tail_mean); })},
      {"tail_std", "± tail", G::kRuns, 2,
       accounted([](A a) { return number(100 * a.tail_deviation); })},
      {"device_seconds", "device-seconds", G::kRuns, 0,
       accounted([](A a) { return number(a.device_seconds); })},
      {"peak_host_mib", "peak memory [MiB]", G::kRuns, 0,
       accounted([](A a) { return number(a.peak_host_mib); })},
      {"peak_device_mib", "peak of the GPU [MiB]", G::kRuns, 0,
       accounted([](A a) { return number(a.peak_device_mib); })},
      {"parameters", "parameters", G::kRuns, 0,
       accounted([](A a) { return number(a.parameters); })},
      {"forward_passes", "forward passes a step", G::kRuns, 2,
       accounted([](A a) { return number(a.forward_passes); })},
      {"missed", "missed", G::kRuns, 0, [](const Line& l) { return count(l.results().missed); }},
      {"false_positive", "false positive", G::kRuns, 0,
       [](const Line& l) { return count(l.results().false_positive); }},
      {"both_empty", "both empty", G::kRuns, 0,
       [](const Line& l) { return count(l.results().both_empty); }},
      {"selected_on", "selected on", G::kRuns, 0,
       [](const Line& l) { return text(l.results().terms.selection); }},
      {"choices", "", G::kTerms, 0, [](const Line& l) { return text(choices_text(l.results())); }}};
}

std::vector<TableColumn> all_columns() {
  std::vector<TableColumn> all;
  for (const auto& part : {row_columns(), score_columns(), comparison_columns(), run_columns()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

const std::vector<TableColumn>& table_columns() {
  static const std::vector<TableColumn> columns = all_columns();
  return columns;
}

std::vector<TableLine> lines_of(const StatisticsTable& table, const MetricScores& metric,
                                const std::vector<size_t>& rows) {
  std::vector<TableLine> lines;
  for (const size_t row : rows) {
    for (const RowComparison& c : metric.comparisons[row])
      lines.push_back({table, row, metric, &c});
    if (metric.comparisons[row].empty()) lines.push_back({table, row, metric, nullptr});
  }
  return lines;
}

std::string unit_of(const MetricField& field, const EvaluationTerms& terms) {
  if (field.unit == MetricUnit::kPercent) return "%";
  return field.unit == MetricUnit::kDistance ? terms.unit : "";
}

std::string metric_title(const MetricField& field, const EvaluationTerms& terms) {
  std::string title = field.title;
  if (field.at_tolerance) title += fmt::format(" at {} {}", terms.tolerance, terms.unit);
  const std::string unit = unit_of(field, terms);
  return unit.empty() ? title : fmt::format("{} [{}]", title, unit);
}

}  // namespace semiseg
