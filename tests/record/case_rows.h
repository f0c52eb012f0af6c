// SPDX-License-Identifier: Apache-2.0
// Rows of cases, and the parts of a data error, for tests of tables.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "framework/core/error.h"
#include "framework/record/tables/cases_csv.h"

namespace semiseg {

inline const double kNaN = std::nan("");

// Returns the parts of the kData error that the action throws.
inline ErrorParts data_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
    return error.parts();
  }
  ADD_FAILURE() << "no error";
  return {};
}

inline EvaluationRow evaluation_row(const std::string& id, int64_t label,
                                    const ClassMetrics& metrics) {
  return {.case_id = id,
          .patient = "p, " + id,
          .centre = "",
          .label = label,
          .class_name = label == 1 ? "left" : "right",
          .metrics = metrics};
}

inline CasesTable some_cases() {
  CasesTable cases{.terms = {.unit = "mm", .split = "test", .selection = "val"}};
  cases.rows = {
      evaluation_row("c1", 1, {{8.0 / 11, 4.0 / 7, 2, 1.9, 1.0 / 3, 0.5, 0.6, -0.25}, 5, 6, 4}),
      evaluation_row("c1", 2, {{0, 0, kNaN, kNaN, kNaN, kNaN, 0, -1}, 0, 6, 0}),
      evaluation_row("c2", 1, {{0, 0, kNaN, kNaN, kNaN, kNaN, 0, kNaN}, 3, 0, 0}),
      evaluation_row("c2", 2, {{1, 1, kNaN, kNaN, kNaN, kNaN, 1, kNaN}, 0, 0, 0})};
  return cases;
}

}  // namespace semiseg
