// SPDX-License-Identifier: Apache-2.0
// Stages and streams that a method plans.
#include <fmt/format.h>

#include <set>

#include "framework/data/batch_plan.h"
#include "launch/conformance/checks.h"

namespace semiseg {
namespace {

void find_in_streams(const Stage& stage, int64_t batch, Findings& findings) {
  std::set<std::string> names;
  int64_t labelled = 0;
  for (const StreamPlan& stream : stage.streams) {
    if (!names.insert(stream.name).second)
      findings.push_back(fmt::format("{}: two streams are called {}", stage.name, stream.name));
    if (stream.pool == "labelled") labelled += stream.samples;
  }
  if (labelled < 1) findings.push_back(stage.name + ": no stream draws labelled samples");
  if (batch_size(stage.streams) > batch) {
    findings.push_back(fmt::format("{}: its streams take {} samples of a batch of {}", stage.name,
                                   batch_size(stage.streams), batch));
  }
}

void find_in_groups(const Stage& stage, Findings& findings) {
  if (stage.colocated.empty()) return;
  std::multiset<int64_t> slots;
  for (const auto& group : stage.colocated) slots.insert(group.begin(), group.end());
  const std::set<int64_t> different(slots.begin(), slots.end());
  if (std::ssize(slots) != batch_size(stage.streams) || different.size() != slots.size())
    findings.push_back(stage.name + ": its groups do not hold every slot of the batch once");
}

}  // namespace

Findings check_plan(const MethodOnImages& method) {
  const MethodSetup setup = method.setup();
  const auto comm = make_serial_communicator();
  Findings findings;
  std::set<std::string> names;
  int64_t total = 0;
  for (const Stage& stage : MethodUnderTest(setup, *comm)->plan().stages) {
    if (stage.iterations <= 0) findings.push_back(stage.name + ": it has no iterations");
    if (!names.insert(stage.name).second)
      findings.push_back(fmt::format("two stages are called {}", stage.name));
    total += stage.iterations;
    find_in_streams(stage, setup.batch, findings);
    find_in_groups(stage, findings);
  }
  if (total != setup.iterations) {
    findings.push_back(fmt::format(
        "its stages have {} iterations together, and the protocol gives {}: all methods "
        "train equally long",
        total, setup.iterations));
  }
  return findings;
}

}  // namespace semiseg
