// SPDX-License-Identifier: Apache-2.0
// A semi-supervised method learns from every view of its unlabelled images.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "launch/conformance/checks.h"
#include "launch/conformance/unlabelled_use.h"

namespace semiseg {

Findings check_unlabelled_images(const MethodOnImages& method) {
  const UnlabelledUse use = unlabelled_use(method.setup());
  const bool is_supervised = MethodRegistry::instance().find(method.name).family == "supervised";
  if (use.stages == 0 && is_supervised) return {};
  if (use.stages == 0)
    return {"no stage draws unlabelled samples, and the family of the method is not 'supervised'"};
  Findings findings;
  if (!use.images) findings.push_back("no loss depends on the unlabelled images");
  if (!use.unused_views.empty()) {
    findings.push_back(
        fmt::format("no loss depends on these views: {}", fmt::join(use.unused_views, ", ")));
  }
  return findings;
}

}  // namespace semiseg
