// SPDX-License-Identifier: Apache-2.0
// The places of the source and of the program under test. They are compiled into one file alone, so
// that a compiler cache serves all others of every clone.
#pragma once

#include <filesystem>

namespace semiseg {

std::filesystem::path source_folder();
std::filesystem::path program_file();

}  // namespace semiseg
