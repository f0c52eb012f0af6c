// SPDX-License-Identifier: Apache-2.0
// Lists and removes the files of a checkpoint folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace semiseg {

// Returns the files <prefix>000123.h5 of a folder by their number; none when the folder is absent.
// Throws kIo when it cannot be read.
std::map<int64_t, std::filesystem::path> numbered_files(const std::filesystem::path& folder,
                                                        const std::string& prefix = "");

// Removes the file; logs a warning that names it when that fails.
void remove_checkpoint(const std::filesystem::path& file);

}  // namespace semiseg
