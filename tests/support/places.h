// SPDX-License-Identifier: Apache-2.0
// Where the source and the program under test are. Compiled into one file alone, so that a compiler
// cache serves all others of every clone.
#pragma once

#include <filesystem>

namespace semiseg {

std::filesystem::path source_folder();
std::filesystem::path program_file();

}  // namespace semiseg
