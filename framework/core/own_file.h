// SPDX-License-Identifier: Apache-2.0
// Opens files of a folder that the program keeps and that may come from elsewhere: a link never
// leads a read or a write out of the folder, and a pipe or a device never blocks the program.
#pragma once

#include <filesystem>
#include <string>

namespace semiseg {

// Opens a regular file; `flags` as for open(2). Throws kIo for a link, a folder, a pipe or a
// device, and when the file cannot be opened. The caller closes it.
int open_own_file(const std::filesystem::path& path, int flags);

// Reads a whole regular file that is no link. Throws kData otherwise.
std::string read_own_file(const std::filesystem::path& path);

// Throws kData unless the path is a regular file, or a link to one: for files that a library opens.
void check_is_file(const std::filesystem::path& path);

}  // namespace semiseg
