// SPDX-License-Identifier: Apache-2.0
// The method in the real trainer, fed by the real loader from a data set with domains, tasks and
// every view that its streams ask for.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "framework/data/label_budget.h"
#include "launch/conformance/checks.h"
#include "launch/conformance/short_training.h"
#include "launch/conformance/state_difference.h"
#include "launch/conformance/two_domains.h"

namespace semiseg {

Findings check_trainer(const MethodOnImages& method) {
  constexpr int64_t kToTheEnd = 1000;
  const auto dims = static_cast<int>(method.axes);
  const TwoDomains source(method.axes, method.setup().classes);
  const Pools pools = pools_of(resolve_budget(source.training_samples(dims), source.cases(), "10"));
  const SmallLoaders loaders(method, source, pools);
  MemoryRecords whole, interrupted;
  Findings findings;
  if (!train_short(method, loaders, whole, kToTheEnd))
    findings.push_back("the training stops by itself");
  if (train_short(method, loaders, interrupted, 1))
    findings.push_back("the training goes on though it is asked to stop");
  if (!train_short(method, loaders, interrupted, kToTheEnd))
    findings.push_back("the resumed training stops by itself");
  if (whole.display.steps != interrupted.display.steps) {
    findings.push_back(fmt::format("the interrupted training has {} steps instead of {}",
                                   interrupted.display.steps, whole.display.steps));
  }
  const auto names =
      differing_entries(whole.journal.newest.value(), interrupted.journal.newest.value());
  if (!names.empty())
    findings.push_back(
        fmt::format("after an interruption these differ: {}", fmt::join(names, ", ")));
  return findings;
}

}  // namespace semiseg
