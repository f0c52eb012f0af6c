// SPDX-License-Identifier: Apache-2.0
// Which regions of an atlas make up which class.
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

// Lines such as "frontal=1-28,57": a class and its regions. kConfig at `key` for a line that does
// not read so, a class or region that is there twice, more than 255 classes.
AtlasGroups read_groups(const std::vector<std::string>& lines, const Config& config,
                        const std::string& key);

}  // namespace semiseg
