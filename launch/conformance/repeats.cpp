// SPDX-License-Identifier: Apache-2.0
// The same training twice, interrupted, with another seed, and predictions from it.
#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "framework/core/error.h"
#include "launch/conformance/checks.h"
#include "launch/conformance/state_difference.h"
#include "launch/conformance/training.h"
#include "launch/parity/parity_case.h"

namespace semiseg {
namespace {

void find_in_states(const std::string& when, MethodUnderTest& a, MethodUnderTest& b,
                    Findings& findings) {
  const auto names = differing_entries(state_of(a), state_of(b));
  if (!names.empty()) findings.push_back(fmt::format("{}: {}", when, fmt::join(names, ", ")));
}

}  // namespace

Findings check_same_seed(const MethodOnImages& method) {
  const MethodSetup setup = method.setup();
  const auto comm = make_serial_communicator();
  MethodUnderTest first(setup, *comm), second(setup, *comm);
  Findings findings;
  if (train_stages(first, setup, *comm) != train_stages(second, setup, *comm))
    findings.push_back("two trainings with one seed record different values");
  find_in_states("two trainings with one seed end with different entries of the state", first,
                 second, findings);
  return findings;
}

Findings check_other_seed(const MethodOnImages& method) {
  const MethodSetup setup = method.setup();
  MethodSetup other = setup;
  ++other.seed;
  const auto comm = make_serial_communicator();
  MethodUnderTest first(setup, *comm), second(other, *comm);
  const at::Tensor probe = random_images(other, 1, 99);
  if (!at::equal(first->predictor().predict(probe), second->predictor().predict(probe))) return {};
  return {"two seeds give the same initial weights"};
}

Findings check_resume(const MethodOnImages& method) {
  const MethodSetup setup = method.setup();
  const auto comm = make_serial_communicator();
  MethodUnderTest whole(setup, *comm), resumed(setup, *comm);
  train_stages(whole, setup, *comm);
  put_state([&](StateVisitor& visitor) { resumed->state(visitor); }, state_of(whole));
  Findings findings;
  if (train_stages(whole, setup, *comm, 2) != train_stages(resumed, setup, *comm, 2))
    findings.push_back("a resumed training records other values than one that never stopped");
  find_in_states("a resumed training ends with other entries of the state", whole, resumed,
                 findings);
  return findings;
}

Findings check_prediction(const MethodOnImages& method) {
  const MethodSetup setup = method.setup();
  const auto comm = make_serial_communicator();
  MethodUnderTest tested(setup, *comm);
  train_stages(tested, setup, *comm);
  const StateMap before = state_of(tested);
  std::vector<int64_t> shape = {2, 1, 48};  // another size than that of training
  shape.insert(shape.end(), setup.patch_size.begin() + 1, setup.patch_size.end());
  const auto predict = [&] {
    return tested->predictor().predict(generate("x", shape, 0, 1, at::kDouble));
  };
  at::Tensor logits;
  try {
    logits = predict();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kConfig) throw;
    shape[2] = setup.patch_size[0];  // some networks take images of their patch size alone
    logits = predict();
  }
  shape[1] = setup.classes;
  Findings findings;
  if (logits.sizes() != shape) {
    findings.push_back(fmt::format("the logits have the shape [{}] instead of [{}]",
                                   fmt::join(logits.sizes(), ", "), fmt::join(shape, ", ")));
  }
  if (logits.requires_grad()) findings.push_back("the logits of a prediction carry a gradient");
  const auto touched = differing_entries(before, state_of(tested));
  if (!touched.empty())
    findings.push_back(fmt::format("a prediction changes the state: {}", fmt::join(touched, ", ")));
  return findings;
}

}  // namespace semiseg
