// SPDX-License-Identifier: Apache-2.0
#include "framework/record/report_curves.h"

#include <algorithm>
#include <limits>

namespace semiseg {
namespace {

std::vector<const MetricsRow*> rows_of(const std::vector<MetricsRow>& rows,
                                       const std::string& split) {
  std::vector<const MetricsRow*> found;
  for (const auto& row : rows) {
    if (row.split == split) found.push_back(&row);
  }
  return found;
}

std::vector<double>& column(Curves& curves, const std::string& name) {
  const auto found = std::find_if(curves.values.begin(), curves.values.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found != curves.values.end()) return found->second;
  return curves.values.emplace_back(name, std::vector<double>()).second;
}

}  // namespace

Curves curves_of(const std::vector<MetricsRow>& rows, const std::string& split, int64_t most) {
  const std::vector<const MetricsRow*> chosen = rows_of(rows, split);
  const auto count = std::ssize(chosen);
  Curves curves{.every = std::max<int64_t>(1, (count + most - 1) / most)};
  for (int64_t i = 0; i < count; ++i) {
    if (i % curves.every != 0 && i != count - 1) continue;
    const MetricsRow& row = *chosen[static_cast<size_t>(i)];
    curves.steps.push_back(row.step);
    for (const auto& [name, value] : row.values) {
      auto& values = column(curves, name);
      values.resize(curves.steps.size(), std::numeric_limits<double>::quiet_NaN());
      values.back() = value;
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
