// SPDX-License-Identifier: Apache-2.0
// Checks the sizes that a header claims against the bytes of the file, before memory is allocated.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace semiseg::image_format {

enum class Packing { kPlain, kText, kDeflate, kImageCodec };

// Returns the bytes of voxels of these sizes, each of `voxel` bytes. Throws kData naming `path`
// when a size is not positive, or when `available` bytes cannot hold that many, however well they
// are packed.
uint64_t checked_bytes(const std::filesystem::path& path, const std::vector<int64_t>& sizes,
                       uint64_t voxel, uint64_t available, Packing packing);

// Returns the bytes of a file; 0 where there is none.
uint64_t bytes_of(const std::filesystem::path& path);

// Returns true for a file that begins like a gzip file.
bool is_gzip(const std::filesystem::path& path);

}  // namespace semiseg::image_format
