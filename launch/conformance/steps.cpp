// SPDX-License-Identifier: Apache-2.0
// Checks that look at the records of a method's steps.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "framework/core/error.h"
#include "launch/conformance/checks.h"
#include "launch/conformance/training.h"

namespace semiseg {

Findings check_records(const MethodOnImages& method) {
  const MethodSetup setup = method.setup();
  const auto comm = make_serial_communicator();
  MethodUnderTest tested(setup, *comm);
  Findings findings;
  bool has_total = false, has_rate = false;
  for (const auto& [name, value] : train_stages(tested, setup, *comm)) {
    if (!std::isfinite(value)) findings.push_back(fmt::format("{} is {}", name, value));
    has_total = has_total || name.starts_with("loss.total");
    has_rate = has_rate || name.starts_with("lr.");
  }
  if (!has_total) findings.push_back("no step records loss.total");
  if (!has_rate) findings.push_back("no step records a learning rate (lr.…): nothing is updated");
  return findings;
}

Findings check_loss_that_is_not_finite(const MethodOnImages& method) {
  const MethodSetup setup = method.setup();
  const auto comm = make_serial_communicator();
  MethodUnderTest tested(setup, *comm);
  Batch batch = random_batch(setup, tested->plan().stages.front(), 0);
  batch.streams[0].image().flatten()[99] = std::numeric_limits<double>::quiet_NaN();
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

}  // namespace semiseg
