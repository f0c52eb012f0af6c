// SPDX-License-Identifier: Apache-2.0
// Cases of kind `statistics`: tests, intervals and ranks of a table, as SciPy has them.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include "framework/metrics/statistics/intervals.h"
#include "framework/metrics/statistics/paired.h"
#include "framework/metrics/statistics/ranking.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

using Rows = std::vector<std::vector<double>>;

std::vector<double> numbers_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kDouble).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

Rows rows_of(const at::Tensor& tensor) {
  Rows rows;
  for (int64_t k = 0; k < tensor.size(0); ++k) rows.push_back(numbers_of(tensor[k]));
  return rows;
}

IndexTable table_of(const at::Tensor& tensor) {
  IndexTable table{.resamples = tensor.size(0), .size = tensor.size(1)};
  for (const double position : numbers_of(tensor))
    table.positions.push_back(static_cast<int32_t>(position));
  return table;
}

at::Tensor pair_of(const Interval& interval) {
  return at::tensor({interval.low, interval.high}, at::kDouble);
}

// An answer that the case does not have is not asked for: SciPy gives no effect for a deviation
// of 0.
void compare_where_known(const ParityCase& c, Comparison& comparison, const std::string& name,
                         const at::Tensor& got) {
  if (c.has(name)) comparison.compare(name, got);
}

void compare_pair(const ParityCase& c, Comparison& comparison, size_t k,
                  const PairedComparison& p) {
  const std::map<std::string, double> numbers = {{"n", p.n},
                                                 {"difference", p.difference},
                                                 {"deviation", p.deviation},
                                                 {"signed_rank_statistic", p.signed_rank.statistic},
                                                 {"signed_rank_p", p.signed_rank.p},
                                                 {"is_exact", p.signed_rank.is_exact},
                                                 {"t_p", p.t_p},
                                                 {"effect", p.effect},
                                                 {"wins", p.wins},
                                                 {"ties", p.ties},
                                                 {"losses", p.losses},
                                                 {"p_false", p.p_false}};
  const std::string prefix = fmt::format("out.paired.{}.", k);
  for (const auto& [name, value] : numbers)
    compare_where_known(c, comparison, prefix + name, at::full({1}, value, at::kDouble));
  compare_where_known(c, comparison, prefix + "interval", pair_of(p.interval));
}

void compare_paired_rows(const ParityCase& c, Comparison& comparison, const Rows& rows) {
  std::vector<double> p;
  for (size_t k = 1; k < rows.size(); ++k) {
    std::vector<double> differences;
    for (size_t i = 0; i < rows[k].size(); ++i) differences.push_back(rows[k][i] - rows[0][i]);
    const PairedComparison pair = compare_paired(differences);
    compare_pair(c, comparison, k, pair);
    p.push_back(pair.signed_rank.p);
  }
  compare_where_known(c, comparison, "out.holm", at::tensor(holm_adjusted(p), at::kDouble));
}

void compare_resamples(const ParityCase& c, Comparison& comparison, const Rows& rows) {
  const IndexTable table = table_of(c.tensor("in.index"));
  std::vector<at::Tensor> intervals, rank_intervals;
  for (const auto& row : rows) intervals.push_back(pair_of(bca_interval(row, table)));
  compare_where_known(c, comparison, "out.bca", at::stack(intervals));
  std::vector<double> first, mean;
  for (const RankStatistics& rank : rank_rows(rows, table)) {
    first.push_back(rank.p_first);
    mean.push_back(rank.mean_rank);
    rank_intervals.push_back(pair_of(rank.interval));
  }
  compare_where_known(c, comparison, "out.ranks.p_first", at::tensor(first, at::kDouble));
  compare_where_known(c, comparison, "out.ranks.mean_rank", at::tensor(mean, at::kDouble));
  compare_where_known(c, comparison, "out.ranks.interval", at::stack(rank_intervals));
}

void compare_published(const ParityCase& c, Comparison& comparison) {
  for (const std::string& name : c.names("in.published.")) {
    const std::vector<double> v = numbers_of(c.tensor(name));
    comparison.compare("out" + name.substr(2) + ".p_false",
                       lead_is_false(PublishedRow{v[0], v[1]}, PublishedRow{v[2], v[3]},
                                     static_cast<int64_t>(v[4]), v[5]));
  }
}

}  // namespace

void run_statistics(const ParityCase& c, Comparison& comparison) {
  const Rows rows = rows_of(c.tensor("in.rows"));
  compare_paired_rows(c, comparison, rows);
  if (c.has("in.index")) compare_resamples(c, comparison, rows);
  if (c.has("in.nested.difference")) {
    comparison.compare("out.nested.interval",
                       pair_of(two_way_interval(rows_of(c.tensor("in.nested.difference")),
                                                table_of(c.tensor("in.nested.run_index")),
                                                table_of(c.tensor("in.nested.index")))));
  }
  compare_published(c, comparison);
}

}  // namespace semiseg
