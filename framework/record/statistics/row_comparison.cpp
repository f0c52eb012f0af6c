// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/row_comparison.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace semiseg {
namespace {

constexpr int64_t kLeastRuns = 3;
constexpr double kSignificance = 0.05;

// Indices of the runs of both rows, pair by pair.
std::vector<std::pair<size_t, size_t>> common_runs(const std::vector<RunKey>& a,
                                                   const std::vector<RunKey>& b) {
  std::vector<std::pair<size_t, size_t>> pairs;
  for (size_t i = 0; i < a.size(); ++i) {
    const bool is_twin = std::find(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(i), a[i]) !=
                         a.begin() + static_cast<std::ptrdiff_t>(i);
    const auto found = std::find(b.begin(), b.end(), a[i]);
    if (!is_twin && found != b.end()) pairs.emplace_back(i, static_cast<size_t>(found - b.begin()));
  }
  return pairs;
}

std::optional<double> finite_value(const PatientValues& patients, const std::string& name) {
  const auto found = patients.find(name);
  if (found == patients.end() || !std::isfinite(found->second)) return std::nullopt;
  return found->second;
}

// Returns a - b for the patients with a finite value in both.
PatientValues difference_of(const PatientValues& a, const PatientValues& b, double sign) {
  PatientValues differences;
  for (const auto& [name, value] : a) {
    const auto other = finite_value(b, name);
    if (other && std::isfinite(value))
      differences.emplace_hint(differences.end(), name, sign * (value - *other));
  }
  return differences;
}

// [runs][patients] of the patients with a value in every run.
std::vector<std::vector<double>> complete_rows(const std::vector<PatientValues>& runs) {
  std::vector<std::vector<double>> rows(runs.size());
  for (const auto& [name, first] : runs.front()) {
    std::vector<double> values;
    for (const PatientValues& run : runs) {
      if (const auto value = finite_value(run, name)) values.push_back(*value);
    }
    if (values.size() != runs.size()) continue;
    for (size_t i = 0; i < runs.size(); ++i) rows[i].push_back(values[i]);
  }
  return rows;
}

Interval interval_over_runs(const std::vector<PatientValues>& differences, Resamples& resamples) {
  const auto rows = complete_rows(differences);
  if (rows.front().empty()) return {kNoValue, kNoValue};
  return two_way_interval(rows, resamples.runs(rows.size()),
                          resamples.patients(rows.front().size()));
}

RowVerdict verdict_of(const RowComparison& c) {
  if (c.paired.n == 0) return RowVerdict::kNoPatients;
  if (c.paired_runs < kLeastRuns) return RowVerdict::kTooFewRuns;
  const bool excludes_zero = c.two_way.low > 0 || c.two_way.high < 0;
  if (!(c.holm < kSignificance) || !excludes_zero) return RowVerdict::kNotSeparable;
  return c.paired.difference > 0 ? RowVerdict::kBetter : RowVerdict::kWorse;
}

}  // namespace

const char* to_string(RowVerdict verdict) {
  switch (verdict) {
    case RowVerdict::kBetter:
      return "better";
    case RowVerdict::kWorse:
      return "worse";
    case RowVerdict::kNotSeparable:
      return "not separable";
    case RowVerdict::kTooFewRuns:
      return "too few runs";
    case RowVerdict::kNoPatients:
      return "no common patients";
  }
  return "";
}

RowComparison compare_rows(const RowScores& row, const std::vector<RunKey>& row_runs,
                           const RowScores& reference, const std::vector<RunKey>& reference_runs,
                           bool higher_is_better, Resamples& resamples) {
  const double sign = higher_is_better ? 1 : -1;
  const auto pairs = common_runs(row_runs, reference_runs);
  RowComparison c{
      .paired_runs = std::ssize(pairs),
      .has_other_runs = pairs.size() < row_runs.size() || pairs.size() < reference_runs.size()};
  if (pairs.empty()) {
    const auto differences = values_of(difference_of(row.patients, reference.patients, sign));
    c.paired = compare_paired(differences);
    return c;
  }
  std::vector<PatientValues> ours, theirs, by_run;
  for (const auto& [mine, other] : pairs) {
    ours.push_back(row.runs[mine]);
    theirs.push_back(reference.runs[other]);
    by_run.push_back(difference_of(ours.back(), theirs.back(), sign));
  }
  c.paired =
      compare_paired(values_of(difference_of(mean_over_runs(ours), mean_over_runs(theirs), sign)));
  c.two_way = interval_over_runs(by_run, resamples);
  return c;
}

void settle_verdicts(const std::vector<RowComparison*>& family) {
  std::vector<double> p;
  for (const RowComparison* c : family) p.push_back(c->paired.signed_rank.p);
  const std::vector<double> adjusted = holm_adjusted(p);
  for (size_t i = 0; i < family.size(); ++i) {
    family[i]->holm = adjusted[i];
    family[i]->verdict = verdict_of(*family[i]);
  }
}

}  // namespace semiseg
