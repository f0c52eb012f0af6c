// SPDX-License-Identifier: Apache-2.0
// Files of a checkpoint folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace semiseg {

// Files <prefix>000123.h5 of a folder by their number; none when it is absent. kIo when it cannot
// be read.
std::map<int64_t, std::filesystem::path> numbered_files(const std::filesystem::path& folder,
                                                        const std::string& prefix = "");

// A file that cannot be removed is named in a warning.
void remove_checkpoint(const std::filesystem::path& file);

}  // namespace semiseg
