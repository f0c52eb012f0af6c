// SPDX-License-Identifier: Apache-2.0
// A picture in memory, and as a PNG file.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace semiseg {

using Colour = std::array<uint8_t, 3>;  // red, green, blue

struct Picture {
  Picture(int64_t picture_width, int64_t picture_height)
      : width(picture_width), height(picture_height), pixels(static_cast<size_t>(width * height)) {}
  Colour& at(int64_t x, int64_t y) { return pixels[static_cast<size_t>(y * width + x)]; }
  const Colour& at(int64_t x, int64_t y) const {
    return pixels[static_cast<size_t>(y * width + x)];
  }

  int64_t width, height;
  std::vector<Colour> pixels;  // row by row from the top, black at first
};

// Writes atomically. Throws kIo on failure.
void write_png(const std::filesystem::path& path, const Picture& picture);

// Returns the bytes of a grey PNG file; `pixels` are width * height, row by row from the top.
// Throws kIo on failure.
std::string grey_png(int64_t width, int64_t height, const uint8_t* pixels);

}  // namespace semiseg
