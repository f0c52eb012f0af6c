// SPDX-License-Identifier: Apache-2.0
// cases.csv of a run: one row for each case and class, its terms in comment lines before the
// columns.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/metrics/evaluator.h"
#include "framework/record/tables/evaluation_terms.h"

namespace semiseg {

struct CasesTable {
  EvaluationTerms terms;
  std::vector<EvaluationRow> rows;
};

// Numbers have 17 significant digits; a value that does not exist is an empty field. The column
// `empty` says "both", "missed" (the prediction is empty) or "false_positive" (the reference is).
std::string to_csv(const CasesTable& cases);

// Writes atomically. Throws kIo on failure.
void write_cases(const std::filesystem::path& path, const CasesTable& cases);

// Throws kData naming the file, and the line or column, for any other content. A file of an older
// version lacks the metrics that came later: they are NaN.
CasesTable read_cases(const std::filesystem::path& path);

}  // namespace semiseg
