// SPDX-License-Identifier: Apache-2.0
// The files that the header of an image names for its voxels. Libraries take such names as patterns
// and paths; here they are plain names of files that lie beside the header.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace semiseg::image_format {

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
