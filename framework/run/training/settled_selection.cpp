// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/train_run.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <vector>

#include "framework/core/ignore_label.h"
#include "framework/core/log.h"

namespace semiseg {
namespace {

bool has_foreground(const at::Tensor& label, bool has_ignore_label) {
  if (!label.defined()) return false;
  at::Tensor foreground = label.gt(0);
  if (has_ignore_label) foreground = foreground.logical_and(label != kIgnoreLabel);
  return foreground.any().item<bool>();
}

bool any_foreground(const DatasetSource& source, Split split) {
  const auto& cases = source.cases();
  for (size_t i = 0; i < cases.size(); ++i) {
    if (cases[i].split == split &&
        has_foreground(source.load(i).label, source.info().has_ignore_label))
      return true;
  }
  return false;
}

}  // namespace

void settle_selection(Run& run) {
  const auto split = run.selection_split();
  if (!split || any_foreground(*run.data.source, *split)) return;
  run.options.protocol.select = "last";
  log::warn(
      "no case of the {} split has any foreground, so it cannot tell good weights from bad: "
      "the last weights are taken",
      to_string(*split));
}

void warn_of_absent_classes(const RunData& data) {
  const int64_t classes = std::ssize(data.facts.info.classes);
  at::Tensor seen = at::zeros({classes}, at::kLong);
  for (const size_t member : data.pools.find("labelled").members) {
    const at::Tensor label = data.source->load_sample(data.pools.samples[member]).label;
    if (!label.defined()) continue;
    seen += at::bincount(label.flatten().to(at::kLong), {}, classes).slice(0, 0, classes);
    if (seen.gt(0).all().item<bool>()) return;
  }
  std::vector<std::string> absent;
  for (int64_t k = 1; k < classes; ++k) {
    if (seen[k].item<int64_t>() == 0)
      absent.push_back(data.facts.info.classes[static_cast<size_t>(k)]);
  }
  if (absent.empty()) return;
  log::warn("no labelled patient has {}: it cannot be learned; label more patients, or others",
            fmt::join(absent, ", "));
}

}  // namespace semiseg
