// SPDX-License-Identifier: Apache-2.0
// Saves and loads a state as an HDF5 file, and lists such files of a folder. A file appears whole
// or not at all and carries a checksum of all its bytes (seal.h) and one of every entry.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "framework/core/state.h"

namespace semiseg {

// Writes all entries; the file is replaced atomically. Throws kIo on failure; the old file then
// stays.
void save_checkpoint(const StateMap& state, const std::filesystem::path& path);

// Reads and verifies a checkpoint. Throws kData naming the file, and the first damaged entry, when
// any byte is not as it was written.
StateMap load_checkpoint(const std::filesystem::path& path);

// Returns the files <prefix>000123.h5 of a folder by their number; none when the folder is absent.
// Throws kIo when it cannot be read.
std::map<int64_t, std::filesystem::path> numbered_files(const std::filesystem::path& folder,
                                                        const std::string& prefix = "");

// Removes the file; logs a warning that names it when that fails.
void remove_checkpoint(const std::filesystem::path& file);

}  // namespace semiseg
