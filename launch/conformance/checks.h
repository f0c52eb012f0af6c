// SPDX-License-Identifier: Apache-2.0
// Every registered method must pass these checks. The tests run them on the methods of the tree,
// `semiseg conformance` on any method.
#pragma once

#include <string>
#include <vector>

#include "launch/conformance/method_case.h"

namespace semiseg {

// Sentences that say what is wrong. An empty list means that the method passes the check.
using Findings = std::vector<std::string>;

struct Check {
  const char* name;   // "same_seed"
  const char* claim;  // what a sound method does: "gives the same bits for the same seed"
  Findings (*run)(const MethodOnImages& method);
  friend void PrintTo(const Check& check, std::ostream* out) { *out << check.name; }
};

// Returns all checks, in the order in which `semiseg conformance` prints them.
const std::vector<Check>& conformance_checks();

// Runs the check; an exception of the method is a finding, too.
Findings findings_of(const Check& check, const MethodOnImages& method);

// Each function is the check of one entry, in the order of the list.
Findings check_options(const MethodOnImages& method);
Findings check_plan(const MethodOnImages& method);
Findings check_records(const MethodOnImages& method);
Findings check_loss_that_is_not_finite(const MethodOnImages& method);
Findings check_ignored_voxels(const MethodOnImages& method);
Findings check_bfloat16(const MethodOnImages& method);
Findings check_same_seed(const MethodOnImages& method);
Findings check_other_seed(const MethodOnImages& method);
Findings check_resume(const MethodOnImages& method);
Findings check_prediction(const MethodOnImages& method);
Findings check_unlabelled_images(const MethodOnImages& method);
Findings check_leaks(const MethodOnImages& method);
Findings check_ranks(const MethodOnImages& method);
Findings check_trainer(const MethodOnImages& method);

}  // namespace semiseg
