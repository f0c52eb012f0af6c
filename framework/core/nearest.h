// SPDX-License-Identifier: Apache-2.0
// Spelling help for error messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace semiseg {

// Returns the candidate with the smallest edit distance to `word` (the first of equal ones), or
// empty text when none is near (more than a third of the letters differ).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// Returns "did you mean 'x'?" or, when nothing is near, "one of: a, b, c"; empty without
// candidates.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace semiseg
