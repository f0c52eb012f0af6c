// SPDX-License-Identifier: Apache-2.0
#include "framework/record/report/report_curves.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace semiseg {
namespace {

constexpr size_t kMostCurves = 256;  // a method writes about ten

std::vector<const MetricsRow*> rows_of(const std::vector<MetricsRow>& rows,
                                       const std::string& split) {
  std::vector<const MetricsRow*> found;
  for (const auto& row : rows) {
    if (row.split == split) found.push_back(&row);
  }
  return found;
}

// Finds the column of a name, or begins one; null for more of them than a page can show.
class Columns {
 public:
  explicit Columns(Curves& curves) : curves_(curves) {}
  std::vector<double>* find(const std::string& name) {
    const auto found = places_.find(name);
    if (found != places_.end()) return &curves_.values[found->second].second;
    if (curves_.values.size() == kMostCurves) return nullptr;
    places_.emplace(name, curves_.values.size());
    return &curves_.values.emplace_back(name, std::vector<double>()).second;
  }

 private:
  Curves& curves_;
  std::unordered_map<std::string, size_t> places_;
};

}  // namespace

Curves curves_of(const std::vector<MetricsRow>& rows, const std::string& split, int64_t most) {
  const std::vector<const MetricsRow*> chosen = rows_of(rows, split);
  const auto count = std::ssize(chosen);
  Curves curves{.every = std::max<int64_t>(1, (count + most - 1) / most)};
  Columns columns(curves);
  for (int64_t i = 0; i < count; ++i) {
    if (i % curves.every != 0 && i != count - 1) continue;
    const MetricsRow& row = *chosen[static_cast<size_t>(i)];
    curves.steps.push_back(row.step);
    for (const auto& [name, value] : row.values) {
      std::vector<double>* values = columns.find(name);
      if (!values) continue;
      values->resize(curves.steps.size(), std::numeric_limits<double>::quiet_NaN());
      values->back() = value;
    }
  }
  for (auto& [name, values] : curves.values)
    values.resize(curves.steps.size(), std::numeric_limits<double>::quiet_NaN());
  return curves;
}

std::vector<StageSpan> stage_spans(const std::vector<MetricsRow>& rows) {
  std::vector<StageSpan> spans;
  for (const auto& row : rows) {
    if (spans.empty() || spans.back().name != row.stage) {
      const int64_t first = spans.empty() ? 1 : spans.back().last + 1;
      spans.push_back({row.stage, first, row.step});
    }
    spans.back().last = row.step;
  }
  return spans;
}

}  // namespace semiseg
