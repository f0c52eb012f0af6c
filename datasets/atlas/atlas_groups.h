// SPDX-License-Identifier: Apache-2.0
// Groups the regions of an atlas into classes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/config.h"

namespace semiseg {

struct AtlasGroups {
  std::vector<std::string> classes;  // "background" and the groups
  std::vector<uint8_t> class_of;     // by region number; a region beyond the end is background
  std::string text;                  // the lines, for recipes
};

// Parses lines such as "frontal=1-28,57": a class and its regions. Throws kConfig at `key` for any
// other line, for a duplicate class or region, and for more than 255 classes.
AtlasGroups read_groups(const std::vector<std::string>& lines, const Config& config,
                        const std::string& key);

}  // namespace semiseg
