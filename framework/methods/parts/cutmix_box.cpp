// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/cutmix_box.h"

#include <cmath>

namespace semiseg {

CutmixBox draw_cutmix_box(int64_t side, const CutmixOptions& options, const BoxNumbers& numbers) {
  if (numbers.uniform(0, 1) > options.probability) return {};
  const auto length = static_cast<double>(side);
  const double area = numbers.uniform(options.area_min, options.area_max) * length * length;
  while (true) {
    const double ratio = numbers.uniform(options.ratio_min, options.ratio_max);
    CutmixBox box{.height = static_cast<int64_t>(std::sqrt(area * ratio)),
                  .width = static_cast<int64_t>(std::sqrt(area / ratio))};
    box.x = numbers.integer(side);
    box.y = numbers.integer(side);
    if (box.x + box.width <= side && box.y + box.height <= side) return box;
  }
}

}  // namespace semiseg
