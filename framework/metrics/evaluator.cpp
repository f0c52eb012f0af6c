// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/evaluator.h"

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "framework/comm/heartbeat.h"
#include "framework/core/error.h"
#include "framework/metrics/case_metrics.h"
#include "framework/metrics/case_shares.h"

namespace semiseg {
namespace {

// A row in a message between ranks: numbers that fp64 holds exactly. Position, label, three counts
// of voxels, then the fields of the schema.
constexpr size_t kFirstMetric = 5;
size_t columns() { return kFirstMetric + metric_schema().size(); }

void pack(std::vector<double>& rows, size_t position, int64_t label, const ClassMetrics& m) {
  rows.insert(rows.end(),
              {static_cast<double>(position), static_cast<double>(label),
               static_cast<double>(m.prediction_voxels), static_cast<double>(m.reference_voxels),
               static_cast<double>(m.overlap_voxels)});
  for (const MetricField& field : metric_schema()) rows.push_back(m.*field.value);
}

ClassMetrics unpack_metrics(const double* row) {
  ClassMetrics m;
  m.prediction_voxels = static_cast<int64_t>(row[2]);
  m.reference_voxels = static_cast<int64_t>(row[3]);
  m.overlap_voxels = static_cast<int64_t>(row[4]);
  const double* value = row + kFirstMetric;
  for (const MetricField& field : metric_schema()) m.*field.value = *value++;
  return m;
}

std::vector<size_t> cases_of(const DatasetSource& source, Split split) {
  std::vector<size_t> result;
  for (size_t i = 0; i < source.cases().size(); ++i) {
    if (source.cases()[i].split == split) result.push_back(i);
  }
  if (result.empty()) {
    throw Error(ErrorKind::kConfig,
                {.what = fmt::format("the data set has no cases in split '{}'", to_string(split)),
                 .where = source.info().name,
                 .fix = "evaluate on a split that has cases"});
  }
  return result;
}

Volume load_reference(const DatasetSource& source, size_t index, DistanceUnit unit) {
  Volume volume = source.load(index);
  const std::string where = source.info().name + ", case " + source.cases()[index].id;
  if (!volume.label.defined()) {
    throw Error(ErrorKind::kData, {.what = "a case to evaluate has no labels", .where = where});
  }
  if (unit == DistanceUnit::kMillimetre && !volume.has_spacing) {
    throw Error(ErrorKind::kData,
                {.what = "distances in mm need the spacing of the voxels, which this case lacks",
                 .where = where,
                 .fix = "measure in voxels"});
  }
  return volume;
}

std::vector<ClassMetrics> measure(const DatasetSource& source, size_t index,
                                  const CasePredictor& predict, const EvaluatorOptions& options,
                                  Heartbeat* heartbeat) {
  const auto advance = [heartbeat] {
    if (heartbeat) heartbeat->advance();
  };
  const Volume volume = load_reference(source, index, options.unit);
  advance();
  MetricOptions metric_options{.empty = options.empty,
                               .distances = options.distances,
                               .definition = metric_definition(options.definition),
                               .tolerance = options.tolerance,
                               .class_tolerances = options.class_tolerances,
                               .has_ignore_label = source.info().has_ignore_label};
  metric_options.components = options.distances && options.asks_for("components");
  at::Tensor probabilities;
  if (options.distances && options.probabilities && options.asks_for("calibration")) {
    probabilities = options.probabilities(volume);
    metric_options.probabilities = &probabilities;
  }
  if (options.unit == DistanceUnit::kMillimetre) {
    metric_options.spacing.assign(volume.spacing_mm.begin(), volume.spacing_mm.end());
  }
  const auto classes = static_cast<int64_t>(source.info().classes.size());
  const at::Tensor labels = predict(volume);
  advance();
  return case_metrics(labels, volume.label, classes, std::move(metric_options));
}

// One block of rows from every rank, all of one size, because ranks may have different numbers of
// cases.
at::Tensor gather_rows(std::vector<double> local, size_t rows_a_rank, const Communicator& comm) {
  local.resize(rows_a_rank * columns(), -1.0);  // no row has the position -1
  const std::vector<int64_t> shape = {static_cast<int64_t>(rows_a_rank),
                                      static_cast<int64_t>(columns())};
  const at::Tensor block = at::from_blob(local.data(), shape, at::kDouble).clone();
  return comm.gather(block, "evaluation rows").contiguous();
}

bool any_rank(bool mine, const Communicator& comm) {
  at::Tensor count = at::full({1}, mine ? 1.0 : 0.0, at::kDouble);
  comm.all_reduce(count, "stopped evaluation");
  return count.item<double>() > 0;
}

void add(MetricMean& mean, double value) {
  if (value != value) return;
  mean.mean += value;  // a sum until close()
  ++mean.count;
}

void add(EvaluationMeans& means, const ClassMetrics& m) {
  for (const MetricField& field : metric_schema()) {
    const double value = m.*field.value;
    add(means.*field.mean, field.mean_of_absolute ? std::abs(value) : value);
  }
  ++means.rows;
  means.both_empty += m.both_empty();
  means.missed += m.missed();
  means.false_positive += m.false_positive();
}

void close(EvaluationMeans& means) {
  for (const MetricField& field : metric_schema()) {
    MetricMean& m = means.*field.mean;
    m.mean /= static_cast<double>(m.count);  // 0/0 is the NaN that is promised
  }
}

}  // namespace

std::vector<EvaluationRow> evaluate(const DatasetSource& source, Split split,
                                    const CasePredictor& predict, const EvaluatorOptions& options,
                                    const Communicator& comm) {
  metric_definition(options.definition);
  options.check_classes(source.info().classes);
  const std::vector<size_t> cases = cases_of(source, split);
  std::vector<int64_t> costs;
  for (const size_t index : cases) costs.push_back(source.cases()[index].cost);
  const auto shares = agree_shares(costs, comm);
  const std::vector<size_t>& own = shares[static_cast<size_t>(comm.rank())];
  std::vector<double> local;
  size_t most_cases = 0;
  for (const auto& share : shares) most_cases = std::max(most_cases, share.size());
  for (size_t round = 0; round < most_cases; ++round) {
    if (options.stop && any_rank(options.stop(), comm)) return {};
    if (round >= own.size()) continue;
    const auto metrics = measure(source, cases[own[round]], predict, options, comm.heartbeat());
    for (size_t k = 0; k < metrics.size(); ++k)
      pack(local, own[round], static_cast<int64_t>(k) + 1, metrics[k]);
    if (Heartbeat* heartbeat = comm.heartbeat()) heartbeat->advance();
    if (options.progress)
      options.progress(static_cast<int64_t>(round) + 1, static_cast<int64_t>(own.size()));
  }

  const size_t foreground = source.info().classes.size() - 1;
  const at::Tensor all = gather_rows(std::move(local), most_cases * foreground, comm);
  std::vector<EvaluationRow> rows(cases.size() * foreground);
  for (int64_t i = 0; i < all.size(0); ++i) {
    const double* packed = all.const_data_ptr<double>() + i * all.size(1);
    if (packed[0] < 0) continue;
    const auto position = static_cast<size_t>(packed[0]), label = static_cast<size_t>(packed[1]);
    const CaseInfo& info = source.cases()[cases[position]];
    rows[position * foreground + label - 1] = {.case_id = info.id,
                                               .patient = info.patient,
                                               .centre = info.domain,
                                               .label = static_cast<int64_t>(label),
                                               .class_name = source.info().classes[label],
                                               .metrics = unpack_metrics(packed)};
  }
  return rows;
}

EvaluationSummary summarise(const std::vector<EvaluationRow>& rows) {
  EvaluationSummary summary;
  std::map<int64_t, std::pair<std::string, EvaluationMeans>> classes;  // labels may have gaps
  for (const EvaluationRow& row : rows) {
    auto& [name, means] = classes[row.label];
    name = row.class_name;
    add(means, row.metrics);
    add(summary.overall, row.metrics);
  }
  for (auto& [label, of_class] : classes) {
    summary.class_names.push_back(of_class.first);
    summary.classes.push_back(of_class.second);
  }
  for (EvaluationMeans& means : summary.classes) {
    summary.cases = std::max(summary.cases, means.rows);
    close(means);
  }
  close(summary.overall);
  return summary;
}

}  // namespace semiseg
