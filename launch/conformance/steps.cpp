// SPDX-License-Identifier: Apache-2.0
// Checks that look at the records of a method's steps.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "framework/core/error.h"
#include "framework/core/ignore_label.h"
#include "launch/conformance/checks.h"
#include "launch/conformance/training.h"

namespace semiseg {

namespace {

using Records = std::vector<std::pair<std::string, double>>;

Records records_of(const MethodSetup& setup) {
  const auto comm = make_serial_communicator();
  MethodUnderTest tested(setup, *comm);
  return train_stages(tested, setup, *comm);
}

Findings numbers_that_are_not_finite(const Records& records) {
  Findings findings;
  for (const auto& [name, value] : records)
    if (!std::isfinite(value)) findings.push_back(fmt::format("{} is {}", name, value));
  return findings;
}

}  // namespace

Findings check_records(const MethodOnImages& method) {
  const Records records = records_of(method.setup());
  Findings findings = numbers_that_are_not_finite(records);
  bool has_total = false, has_rate = false;
  for (const auto& [name, value] : records) {
    has_total = has_total || name.starts_with("loss.total");
    has_rate = has_rate || name.starts_with("lr.");
  }
  if (!has_total) findings.push_back("no step records loss.total");
  if (!has_rate) findings.push_back("no step records a learning rate (lr.…): nothing is updated");
  return findings;
}

Findings check_bfloat16(const MethodOnImages& method) {
  MethodSetup setup = method.setup();
  setup.dtype = at::kFloat;
  setup.precision = "bfloat16";
  return numbers_that_are_not_finite(records_of(setup));
}

Findings check_loss_that_is_not_finite(const MethodOnImages& method) {
  const MethodSetup setup = method.setup();
  const auto comm = make_serial_communicator();
  MethodUnderTest tested(setup, *comm);
  Batch batch = random_batch(setup, tested->plan().stages.front(), 0);
  // All of an image: a method may cut a part out.
  batch.streams[0].image()[0].fill_(std::numeric_limits<double>::quiet_NaN());
  try {
    tested->begin_stage(0);
    tested.step(batch, 0, 0, Draws(1).at(0, 0));
  } catch (const Error& error) {
    const bool is_named = std::string(error.what()).find("not finite") != std::string::npos;
    if (error.kind() == ErrorKind::kNumeric && is_named) return {};
    return {fmt::format("an image with NaN ends in another error: {}", error.what())};
  }
  return {"an image with NaN passes through a step without an error"};
}

Findings check_ignored_voxels(const MethodOnImages& method) {
  const MethodSetup setup = method.setup();
  const auto comm = make_serial_communicator();
  MethodUnderTest tested(setup, *comm);
  const Plan plan = tested->plan();
  Findings findings;
  for (int64_t stage = 0; stage < std::ssize(plan.stages); ++stage) {
    tested->begin_stage(stage);
    for (const int64_t parts : {2, 1}) {  // half of the labelled voxels without a class, then all
      const int64_t iteration = 2 - parts;
      Batch batch = random_batch(setup, plan.stages[static_cast<size_t>(stage)], iteration);
      for (Stream& stream : batch.streams) {
        if (!stream.label.defined()) continue;
        stream.label.narrow(1, 0, stream.label.size(1) / parts).fill_(kIgnoreLabel);
      }
      for (const auto& [name, value] :
           tested.step(batch, stage, iteration, Draws(1).at(stage, iteration))) {
        if (!std::isfinite(value))
          findings.push_back(
              fmt::format("{} is {} where 1 in {} voxels has no class", name, value, parts));
      }
    }
  }
  return findings;
}

}  // namespace semiseg
