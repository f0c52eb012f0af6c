// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/label_boxes.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <cstring>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr uint64_t kEachByte = 0x0101010101010101;

uint64_t eight_labels(const uint8_t* labels) {
  uint64_t word;
  std::memcpy(&word, labels, 8);
  return word;
}

// Labels come in runs, so that eight at once are compared with one.
int64_t end_of_run(const uint8_t* row, int64_t x, int64_t width) {
  const uint64_t run = row[x] * kEachByte;
  int64_t end = x + 1;
  while (end + 8 <= width && eight_labels(row + end) == run) end += 8;
  while (end < width && row[end] == row[x]) ++end;
  return end;
}

void scan_plane(const uint8_t* plane, int64_t z, const Index3& size, std::vector<LabelBox>& boxes) {
  for (int64_t y = 0; y < size[1]; ++y) {
    const uint8_t* row = plane + y * size[2];
    for (int64_t x = 0; x < size[2];) {
      const int64_t end = end_of_run(row, x, size[2]);
      if (row[x] != 0 && row[x] < boxes.size()) {
        boxes[row[x]].include({{z, y, x}, {z + 1, y + 1, end}});
      }
      x = end;
    }
  }
}

}  // namespace

Index3 size_of_map(const at::Tensor& labels) {
  return {labels.dim() == 3 ? labels.size(0) : 1, labels.size(-2), labels.size(-1)};
}

std::vector<LabelBox> find_label_boxes(const at::Tensor& labels, int64_t classes) {
  SEMISEG_CHECK(labels.is_contiguous() && labels.scalar_type() == at::kByte,
                "labels are contiguous uint8");
  const Index3 size = size_of_map(labels);
  const uint8_t* data = labels.const_data_ptr<uint8_t>();
  std::vector<std::vector<LabelBox>> of_planes(static_cast<size_t>(size[0]));
  at::parallel_for(0, size[0], 16, [&](int64_t begin, int64_t end) {
    for (int64_t z = begin; z < end; ++z) {
      std::vector<LabelBox>& boxes = of_planes[static_cast<size_t>(z)];
      boxes.resize(static_cast<size_t>(classes));
      scan_plane(data + z * size[1] * size[2], z, size, boxes);
    }
  });
  std::vector<LabelBox> result(static_cast<size_t>(classes));
  for (const auto& boxes : of_planes) {
    for (size_t label = 1; label < boxes.size(); ++label) result[label].include(boxes[label]);
  }
  return result;
}

}  // namespace semiseg
