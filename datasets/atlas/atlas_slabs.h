// SPDX-License-Identifier: Apache-2.0
// One scan with an atlas as a data set: slabs of neighbouring axial slices take the place of
// patients. All slabs of a scan show one individual, so scores say how well a method learns from
// few labelled slices, and nothing about other people.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/data/archive/case_store.h"

namespace semiseg {

// The regions of an atlas, grouped into classes.
struct AtlasGroups {
  std::vector<std::string> classes;  // "background" and the groups
  std::vector<uint8_t> class_of;     // by region number; a region beyond the end is background
  std::string text;                  // the lines, for recipes
};

// Parses lines such as "frontal=1-28,57": a class and its regions. Throws kConfig at `key` for any
// other line, for a duplicate class or region, and for more than 255 classes.
AtlasGroups read_groups(const std::vector<std::string>& lines, const Config& config,
                        const std::string& key);

struct AtlasScan {
  std::string name;  // name of the individual: the centre, and the stem of case names
  std::filesystem::path scan, atlas;
  AtlasGroups groups;
  int64_t right_offset = 0;  // added to a region's number in the right hemisphere; 0: no difference
  bool only_test = false;    // every slab is a test case
};

struct SlabOptions {
  int64_t slab_slices = 6, gap_slices = 3, reduce = 2;
  std::string root;

  // Reads slab_slices, gap_slices, reduce, root. The present values are the defaults.
  void read(const Config& config);
};

// The slabs begin with the first slice in which the atlas has a labelled voxel, `gap_slices` unused
// slices between two of them. Eight by eight upwards they are train val train test train train
// test train. Training slabs are published in the order middle, quarter, three quarters, eighths …
// of the height, so that the first few are spread over the brain. Slices lie along axis 0; the
// image is min-max normalised over the whole scan; `reduce` × `reduce` pixels of a slice become
// their mean, with the class that most of them have. All scans share the classes of the first.
// Returns the folder of a generated store (made_store.h). Throws kData for a file that is absent,
// with the package that it is in, for files whose axes are not those of the body, and for a scan of
// fewer than six slabs.
std::filesystem::path slab_store(const std::string& name, const std::vector<AtlasScan>& scans,
                                 const SlabOptions& options);

// Returns 0 … count - 1 in the order middle, quarter, three quarters, eighths …
std::vector<int64_t> spread_order(int64_t count);

}  // namespace semiseg
