// SPDX-License-Identifier: Apache-2.0
// The names of definitions and of policies for empty classes.
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/metrics/metrics.h"

namespace semiseg {
namespace {

constexpr MetricDefinition kDefinitions[] = {MetricDefinition::kMedpy, MetricDefinition::kMonai,
                                             MetricDefinition::kSurfaceDistance};
constexpr EmptyPolicy kPolicies[] = {EmptyPolicy::kIgnore, EmptyPolicy::kExclude,
                                     EmptyPolicy::kReference, EmptyPolicy::kDefinition,
                                     EmptyPolicy::kGenericSsl};

template <class Choice, size_t n>
Choice by_name(const Choice (&choices)[n], const std::string& name, const std::string& what) {
  std::string known;
  for (const Choice choice : choices) {
    if (name == to_string(choice)) return choice;
    known += (known.empty() ? "" : ", ") + std::string(to_string(choice));
  }
  throw Error(ErrorKind::kConfig, {.what = "unknown " + what, .expected = known, .got = name});
}

}  // namespace

const char* to_string(MetricDefinition definition) {
  switch (definition) {
    case MetricDefinition::kMonai:
      return "monai";
    case MetricDefinition::kSurfaceDistance:
      return "surface-distance";
    case MetricDefinition::kMedpy:
      break;
  }
  return "medpy";
}

std::vector<std::string> metric_definitions() {
  std::vector<std::string> names;
  for (const MetricDefinition definition : kDefinitions) names.emplace_back(to_string(definition));
  return names;
}

MetricDefinition metric_definition(const std::string& name) {
  return by_name(kDefinitions, name, "definition of the metrics");
}

const char* to_string(EmptyPolicy policy) {
  switch (policy) {
    case EmptyPolicy::kIgnore:
      return "ignore";
    case EmptyPolicy::kReference:
      return "reference";
    case EmptyPolicy::kDefinition:
      return "definition";
    case EmptyPolicy::kGenericSsl:
      return "generic_ssl";
    case EmptyPolicy::kExclude:
      break;
  }
  return "exclude";
}

EmptyPolicy empty_policy(const std::string& name) {
  return by_name(kPolicies, name, "policy for empty classes");
}

}  // namespace semiseg
