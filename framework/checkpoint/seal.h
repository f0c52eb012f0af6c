// SPDX-License-Identifier: Apache-2.0
// A checksum of a whole HDF5 file, inside it: no flipped bit and no lost byte goes unseen, in
// metadata either, and a damaged file is refused before HDF5 trusts its sizes and offsets.
//
// The root attribute "seal" holds kSealText and 16 hexadecimal digits: xxh3 of all bytes of the
// file, with these digits as zeros. It is found as text in the first 64 KiB, so that nothing has to
// be parsed to check it. On disk: do not rename.
#pragma once

#include <filesystem>

#include "framework/files/hdf5_file.h"

namespace semiseg {

// Makes room for the seal. Call it before datasets are written, after all other root attributes:
// HDF5 places an attribute where the file ends at that moment.
void reserve_seal(Hdf5File& file);

// Seals a closed file. Throws kIo when it cannot be read or written.
void seal_file(const std::filesystem::path& path);

// Throws kData naming the file when it is missing, has no seal, or its seal does not match its
// bytes.
void check_seal(const std::filesystem::path& path);

}  // namespace semiseg
