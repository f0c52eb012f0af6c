// SPDX-License-Identifier: Apache-2.0
// Means as `semiseg train` and `semiseg evaluate` print them, and the table of the latter.
#pragma once

#include <string>

#include "framework/metrics/evaluator.h"

namespace semiseg {

// "87.12" for a mean of 0.8712 and factor 100; "–" when no row has a value.
std::string mean_text(const MetricMean& value, double factor = 1);

// One line for each class and one for all: shares in percent, distances in the unit.
std::string means_table(const EvaluationSummary& metrics, const EvaluatorOptions& options);

}  // namespace semiseg
