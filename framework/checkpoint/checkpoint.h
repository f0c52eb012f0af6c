// SPDX-License-Identifier: Apache-2.0
// State in memory ↔ HDF5 file. A file appears whole or not at all and carries a checksum of all its
// bytes (seal.h) and one of every entry.
#pragma once

#include <filesystem>

#include "framework/core/state.h"

namespace semiseg {

// Writes all entries; the file is replaced atomically. kIo on failure: the file that was there
// stays.
void save_checkpoint(const StateMap& state, const std::filesystem::path& path);

// Reads and verifies. kData naming the file when any byte of it is not as it was written, and the
// first entry that is not what was saved.
StateMap load_checkpoint(const std::filesystem::path& path);

}  // namespace semiseg
