// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/check_sides.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>

#include "framework/core/error.h"

namespace semiseg {

void check_sides(at::IntArrayRef size, int64_t axes, int64_t divisor, const char* network,
                 const char* example) {
  const bool fits = static_cast<int64_t>(size.size()) == axes &&
                    std::all_of(size.begin(), size.end(),
                                [&](int64_t side) { return side > 0 && side % divisor == 0; });
  if (fits) return;
  throw Error(ErrorKind::kConfig,
              {.what = fmt::format("this image size does not fit the {}", network),
               .expected = fmt::format("{} sides, each a multiple of {}",
                                       axes == 2 ? "two" : "three", divisor),
               .got = fmt::format("[{}]", fmt::join(size.begin(), size.end(), ", ")),
               .fix = fmt::format("set protocol.patch_size, e.g. {}", example)});
}

}  // namespace semiseg
