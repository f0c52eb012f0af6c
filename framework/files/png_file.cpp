// SPDX-License-Identifier: Apache-2.0
#include "framework/files/png_file.h"

#include <png.h>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace semiseg {
namespace {

png_image header_of(int64_t width, int64_t height, png_uint_32 format) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(width);
  header.height = static_cast<png_uint_32>(height);
  header.format = format;
  return header;
}

}  // namespace

void write_png(const std::filesystem::path& path, const Picture& picture) {
  AtomicFile file(path);
  png_image header = header_of(picture.width, picture.height, PNG_FORMAT_RGB);
  if (file_fault("write", path) || !png_image_write_to_file(&header, file.temporary().c_str(), 0,
                                                            picture.pixels.data(), 0, nullptr)) {
    throw Error(
        ErrorKind::kIo,
        {.what = "cannot write the picture", .where = path.string(), .got = header.message});
  }
  file.commit();
}

std::string grey_png(int64_t width, int64_t height, const uint8_t* pixels) {
  png_image header = header_of(width, height, PNG_FORMAT_GRAY);
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&header, bytes.data(), &size, 0, pixels, 0, nullptr)) {
    throw Error(ErrorKind::kIo, {.what = "cannot encode a picture", .got = header.message});
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace semiseg
