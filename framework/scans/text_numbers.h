// SPDX-License-Identifier: Apache-2.0
// Numbers out of the texts of image headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace semiseg::image_format {

// Numbers with `between` between them, blanks around each left out; a blank stands for any run of
// blanks. Empty when any part is no finite number.
std::vector<double> numbers_in(std::string_view text, char between);

// Without blanks, tabs and carriage returns at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace semiseg::image_format
