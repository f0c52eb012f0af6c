// SPDX-License-Identifier: Apache-2.0
// Checks the claims of the header of an image: its numbers; its sizes against the bytes of the file,
// before memory is allocated; and the files that it names for its voxels. Libraries take such names as
// patterns and paths; here they are plain names of files that lie beside the header.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace semiseg::image_format {

// Parses numbers with `between` between them, blanks around each left out; a blank stands for any
// run of blanks. Returns an empty list when any part is not a finite number.
std::vector<double> numbers_in(std::string_view text, char between);

// Returns the text without blanks, tabs and carriage returns at both ends.
std::string_view trimmed(std::string_view text);

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

// Returns the path of the file of this plain name beside `header`. Throws kData when the name holds
// a folder or the file is missing.
std::filesystem::path data_file(const std::filesystem::path& header, const std::string& name);

// "slice%03d.raw 1 20 1" → slice001.raw … slice020.raw, as the words stand in the header: a pattern
// with one number, first, last and step. Throws kData for another pattern and for missing files.
std::vector<std::filesystem::path> numbered_files(const std::filesystem::path& header,
                                                  const std::string& words);

// Returns true when the words hold a pattern and its numbers.
bool is_numbered(const std::string& words);

}  // namespace semiseg::image_format
