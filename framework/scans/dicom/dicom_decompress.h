// SPDX-License-Identifier: Apache-2.0
// Compressed pixels of DICOM by GDCM, in a process of its own: assertions inside GDCM and the
// codecs would end the program, and with it all other files of the batch.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace semiseg::image_format {

// `file`: the bytes of a DICOM file up to the end of its pixels. Fills `to` with `bytes` of pixels.
// Throws kData naming `path` when that fails, ends the process, or takes longer than two minutes.
void decompress_apart(const std::string& file, char* to, size_t bytes,
                      const std::filesystem::path& path);

}  // namespace semiseg::image_format
