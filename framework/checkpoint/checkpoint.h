// SPDX-License-Identifier: Apache-2.0
// Saves and loads a state as an HDF5 file. A file appears whole or not at all and carries a
// checksum of all its bytes (seal.h) and one of every entry.
#pragma once

#include <filesystem>

#include "framework/core/state.h"

namespace semiseg {

// Writes all entries; the file is replaced atomically. Throws kIo on failure; the old file then
// stays.
void save_checkpoint(const StateMap& state, const std::filesystem::path& path);

// Reads and verifies a checkpoint. Throws kData naming the file, and the first damaged entry, when
// any byte is not as it was written.
StateMap load_checkpoint(const std::filesystem::path& path);

}  // namespace semiseg
