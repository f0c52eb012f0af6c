// SPDX-License-Identifier: Apache-2.0
#include "framework/record/png_file.h"

#include <png.h>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace semiseg {

void write_png(const std::filesystem::path& path, const Picture& picture) {
  AtomicFile file(path);
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(picture.width);
  header.height = static_cast<png_uint_32>(picture.height);
  header.format = PNG_FORMAT_RGB;
  if (file_fault("write", path) || !png_image_write_to_file(&header, file.temporary().c_str(), 0,
                                                            picture.pixels.data(), 0, nullptr)) {
    throw Error(
        ErrorKind::kIo,
        {.what = "cannot write the picture", .where = path.string(), .got = header.message});
  }
  file.commit();
}

}  // namespace semiseg
