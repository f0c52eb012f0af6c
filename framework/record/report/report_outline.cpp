// SPDX-License-Identifier: Apache-2.0
// Walks along the edges between voxels, the class on the right hand.
#include "framework/record/report/report_slices.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr std::array<int64_t, 4> kStepX = {1, 0, -1, 0}, kStepY = {0, 1, 0, -1};
enum Direction : uint8_t { kRight, kDown, kLeft, kUp };

// Edges that are left to walk: a bit for each direction at each corner of the voxels.
class Edges {
 public:
  Edges(const at::Tensor& labels, int64_t label)
      : height_(labels.size(0)),
        width_(labels.size(1)),
        edges_(static_cast<size_t>((height_ + 1) * (width_ + 1))) {
    const uint8_t* data = labels.const_data_ptr<uint8_t>();
    const auto inside = [&](int64_t x, int64_t y) {
      return x >= 0 && x < width_ && y >= 0 && y < height_ && data[y * width_ + x] == label;
    };
    for (int64_t y = 0; y < height_; ++y) {
      for (int64_t x = 0; x < width_; ++x) {
        if (!inside(x, y)) continue;
        if (!inside(x, y - 1)) set(x, y, kRight);
        if (!inside(x + 1, y)) set(x + 1, y, kDown);
        if (!inside(x, y + 1)) set(x + 1, y + 1, kLeft);
        if (!inside(x - 1, y)) set(x, y + 1, kUp);
      }
    }
  }

  bool take(int64_t x, int64_t y, int direction) {
    uint8_t& here = at(x, y);
    const bool is_there = here >> direction & 1;
    here &= static_cast<uint8_t>(~(1U << direction));
    return is_there;
  }

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }

 private:
  uint8_t& at(int64_t x, int64_t y) { return edges_[static_cast<size_t>(y * (width_ + 1) + x)]; }
  void set(int64_t x, int64_t y, Direction direction) {
    at(x, y) |= static_cast<uint8_t>(1U << direction);
  }

  int64_t height_, width_;
  std::vector<uint8_t> edges_;
};

// The loop that starts at a corner with an edge already taken. At a corner where two voxels touch,
// turning right first keeps them apart.
std::string walk(Edges& edges, int64_t x, int64_t y, int direction) {
  std::string path = fmt::format("M{} {}", x, y);
  int64_t length = 0;
  const auto write_line = [&] {
    path += fmt::format("{}{}", direction % 2 == 0 ? 'h' : 'v',
                        length * (kStepX[direction] + kStepY[direction]));
    length = 0;
  };
  for (;;) {
    x += kStepX[direction];
    y += kStepY[direction];
    ++length;
    const int right = (direction + 1) % 4, left = (direction + 3) % 4;
    if (edges.take(x, y, right)) {
      write_line();
      direction = right;
    } else if (edges.take(x, y, direction)) {
      continue;
    } else if (edges.take(x, y, left)) {
      write_line();
      direction = left;
    } else {
      write_line();
      return path + "z";
    }
  }
}

}  // namespace

std::string outline_path(const at::Tensor& labels, int64_t label) {
  SEMISEG_CHECK(labels.dim() == 2 && labels.scalar_type() == at::kByte, "a slice of labels");
  Edges edges(labels.contiguous(), label);
  std::string path;
  for (int64_t y = 0; y <= edges.height(); ++y) {
    for (int64_t x = 0; x <= edges.width(); ++x) {
      for (int direction = 0; direction < 4; ++direction) {
        if (edges.take(x, y, direction)) path += walk(edges, x, y, direction);
      }
    }
  }
  return path;
}

}  // namespace semiseg
