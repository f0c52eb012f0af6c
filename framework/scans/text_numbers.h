// SPDX-License-Identifier: Apache-2.0
// Parses numbers in the texts of image headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace semiseg::image_format {

// Parses numbers with `between` between them, blanks around each left out; a blank stands for any
// run of blanks. Returns an empty list when any part is not a finite number.
std::vector<double> numbers_in(std::string_view text, char between);

// Returns the text without blanks, tabs and carriage returns at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace semiseg::image_format
