// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/header_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "framework/scans/image_file_formats.h"

namespace semiseg::image_format {
namespace {

// The most bytes that one byte of the file can stand for.
uint64_t expansion(Packing packing) {
  switch (packing) {
    case Packing::kDeflate:
      return 1032;  // zlib's technical details
    case Packing::kImageCodec:
      return 5000;  // JPEG 2000 and JPEG-LS of one value
    case Packing::kText:
      return 8;  // "0 " may be a double
    case Packing::kPlain:
      break;
  }
  return 1;
}

}  // namespace

uint64_t checked_bytes(const std::filesystem::path& path, const std::vector<int64_t>& sizes,
                       uint64_t voxel, uint64_t available, Packing packing) {
  constexpr uint64_t kMost = uint64_t{1} << 46;
  const uint64_t most =
      std::min(kMost, available >= kMost ? kMost : available * expansion(packing));
  uint64_t bytes = voxel;
  for (const int64_t size : sizes) {
    const bool fits = size >= 1 && bytes <= most && static_cast<uint64_t>(size) <= most;
    if (fits) bytes *= static_cast<uint64_t>(size);
    if (fits && bytes <= most) continue;
    double needed = static_cast<double>(voxel);
    for (const int64_t one : sizes) needed *= static_cast<double>(one);
    fail(path, "the file is cut off, or its header is damaged",
         fmt::format("{:.0f} bytes of voxels ({} of {} bytes)", needed, fmt::join(sizes, "×"),
                     voxel),
         fmt::format("{}{}", available, packing == Packing::kPlain ? "" : " bytes, packed"),
         "copy or download it again");
  }
  return bytes;
}

uint64_t bytes_of(const std::filesystem::path& path) {
  std::error_code none;
  const uintmax_t size = std::filesystem::file_size(path, none);
  return none ? 0 : size;
}

bool is_gzip(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return file.get() == 0x1f && file.get() == 0x8b;
}

}  // namespace semiseg::image_format
