// SPDX-License-Identifier: Apache-2.0
// Compute and compare the cases of each kind. They throw NotKnown for a name that is not in a
// registry or table.
#pragma once

#include <fmt/format.h>

#include <map>
#include <stdexcept>
#include <string>

#include "framework/core/plugins/registry.h"
#include "framework/metrics/metrics.h"
#include "launch/parity/comparison.h"

namespace semiseg {

// A reason to skip a case.
class NotKnown : public std::runtime_error {
 public:
  NotKnown(const std::string& kind, const std::string& name)
      : std::runtime_error(fmt::format("no {} '{}' is registered", kind, name)) {}
};

template <class Value>
const Value& known(const std::map<std::string, Value>& table, const std::string& kind,
                   const std::string& name) {
  const auto found = table.find(name);
  if (found == table.end()) throw NotKnown(kind, name);
  return found->second;
}

template <class Entry>
const Entry& known(const std::string& name) {
  for (const auto& one : Registry<Entry>::instance().names()) {
    if (one == name) return Registry<Entry>::instance().find(name);
  }
  throw NotKnown(Entry::kind(), name);
}

using CaseRunner = void (*)(const ParityCase&, Comparison&);

void run_backbone(const ParityCase& parity, Comparison& comparison);
void run_inference(const ParityCase& parity, Comparison& comparison);
void run_loss(const ParityCase& parity, Comparison& comparison);
void run_memory(const ParityCase& parity, Comparison& comparison);
void run_metric(const ParityCase& parity, Comparison& comparison);
void run_schedule(const ParityCase& parity, Comparison& comparison);
void run_statistics(const ParityCase& parity, Comparison& comparison);
void run_transform(const ParityCase& parity, Comparison& comparison);
void run_method(const ParityCase& parity, Comparison& comparison, Arithmetic arithmetic);

// Parts of run_transform.
std::map<std::string, CaseRunner> geometry_transforms();
std::map<std::string, CaseRunner> intensity_transforms();

// Returns one value of a metric for each foreground class of a case of kind `metric`; `empty` is
// the policy for empty classes.
at::Tensor metric_values(const ParityCase& parity, const std::string& metric, EmptyPolicy empty);

}  // namespace semiseg
