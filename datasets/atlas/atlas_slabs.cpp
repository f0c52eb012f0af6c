// SPDX-License-Identifier: Apache-2.0
#include "datasets/atlas/atlas_slabs.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "datasets/made_store.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/scans/image_file.h"
#include "framework/scans/preparation.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kLeastSlabs = 6;  // one of them is for test, one for validation

[[noreturn]] void fail(std::string what, const fs::path& where, std::string expected,
                       std::string got, std::string fix = "") {
  throw Error(ErrorKind::kData, {std::move(what), where.string(), std::move(expected),
                                 std::move(got), std::move(fix)});
}

std::string fingerprint(const fs::path& path) {
  if (!fs::exists(path)) {
    fail("a scan of the Debian package mricron-data is missing", path, "the file", "no such file",
         "apt-get install mricron-data, or set dataset.templates to the folder that has it");
  }
  const std::string bytes = read_file(path);
  return fmt::format("{} {:016x}", path.filename().string(),
                     XXH3_64bits(bytes.data(), bytes.size()));
}

// Millimetres of a voxel along one axis of the tensor: start + step index.
struct Line {
  double start, step;
};

// Axes D, H, W of files that are stored along z, y, x.
std::array<Line, 3> lines_of(const ScanGeometry& geometry, const fs::path& path) {
  std::array<Line, 3> lines;
  for (int axis = 0; axis < 3; ++axis) {
    for (int row = 0; row < 3; ++row) {
      const double value = geometry.affine[4 * row + axis];
      if (row == 2 - axis) {
        lines[axis] = {geometry.affine[4 * row + 3], value};
      } else if (std::abs(value) > 1e-6) {
        fail("the axes of a scan are not those of the body", path, "slices along z, rows along y",
             "another orientation");
      }
    }
  }
  return lines;
}

// For each voxel of an axis the voxel of the atlas at the same place; -1 beside it.
std::vector<int64_t> matching(const Line& from, int64_t from_size, const Line& to,
                              int64_t to_size) {
  std::vector<int64_t> result(from_size);
  for (int64_t i = 0; i < from_size; ++i) {
    const double mm = from.start + from.step * static_cast<double>(i);
    const int64_t index = std::lround((mm - to.start) / to.step);
    result[i] = index >= 0 && index < to_size ? index : -1;
  }
  return result;
}

// Classes on the grid of the scan: [D,H,W] uint8.
at::Tensor classes_on(const ScanGeometry& geometry, const AtlasScan& scan) {
  const Scan atlas = read_scan(scan.atlas);
  const auto from = lines_of(geometry, scan.scan), to = lines_of(atlas.geometry, scan.atlas);
  std::array<std::vector<int64_t>, 3> index;
  for (int axis = 0; axis < 3; ++axis) {
    index[axis] = matching(from[axis], geometry.size[axis], to[axis], atlas.geometry.size[axis]);
  }
  const at::Tensor regions = atlas.image[0].contiguous();
  const float* region = regions.const_data_ptr<float>();
  at::Tensor label = at::zeros({geometry.size[0], geometry.size[1], geometry.size[2]}, at::kByte);
  uint8_t* out = label.data_ptr<uint8_t>();
  const auto& table = scan.groups.class_of;
  for (const int64_t d : index[0]) {
    for (const int64_t h : index[1]) {
      for (const int64_t w : index[2]) {
        const int64_t at = (d * atlas.geometry.size[1] + h) * atlas.geometry.size[2] + w;
        auto number = d < 0 || h < 0 || w < 0 ? 0 : std::lround(region[at]);
        if (scan.right_offset > 0) number %= scan.right_offset;
        *out++ = number > 0 && number < std::ssize(table) ? table[number] : 0;
      }
    }
  }
  return label;
}

// Blocks of reduce × reduce pixels; what is left over at the end of a row or column is dropped.
Volume reduced(const at::Tensor& image, const at::Tensor& label, int64_t reduce, size_t classes) {
  const int64_t depth = label.size(0), height = label.size(1), width = label.size(2);
  const int64_t rows = height / reduce, columns = width / reduce;
  Volume small;
  small.image = at::empty({1, depth, rows, columns});
  small.label = at::empty({depth, rows, columns}, at::kByte);
  const float* in = image.const_data_ptr<float>();
  const uint8_t* classes_in = label.const_data_ptr<uint8_t>();
  float* out = small.image.data_ptr<float>();
  uint8_t* classes_out = small.label.data_ptr<uint8_t>();
  std::vector<int64_t> votes(classes);
  for (int64_t d = 0; d < depth; ++d) {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < columns; ++column) {
        double sum = 0;
        std::fill(votes.begin(), votes.end(), 0);
        for (int64_t k = 0; k < reduce * reduce; ++k) {
          const int64_t at =
              (d * height + row * reduce + k / reduce) * width + column * reduce + k % reduce;
          sum += in[at];
          ++votes[classes_in[at]];
        }
        *out++ = static_cast<float>(sum / static_cast<double>(reduce * reduce));
        *classes_out++ =
            static_cast<uint8_t>(std::max_element(votes.begin(), votes.end()) - votes.begin());
      }
    }
  }
  return small;
}

// Returns the affine of the reduced grid from slice `first` on: a reduced voxel lies in the middle
// of its block.
std::array<double, 16> slab_affine(std::array<double, 16> affine, int64_t first, int64_t reduce) {
  const double block = static_cast<double>(reduce), middle = 0.5 * (block - 1);
  for (int row = 0; row < 3; ++row) {
    double* values = &affine[4 * row];
    values[3] += static_cast<double>(first) * values[0] + middle * (values[1] + values[2]);
    values[1] *= block;
    values[2] *= block;
  }
  return affine;
}

// First slice of each slab.
std::vector<int64_t> slab_starts(const at::Tensor& label, const SlabOptions& options,
                                 const fs::path& path) {
  const at::Tensor labelled = label.flatten(1).any(1).nonzero();
  const int64_t period = options.slab_slices + options.gap_slices;
  std::vector<int64_t> starts;
  if (labelled.numel() > 0) {
    const int64_t first = labelled[0].item<int64_t>();
    const int64_t last = labelled[-1].item<int64_t>();
    for (int64_t at = first; at + options.slab_slices <= last + 1; at += period)
      starts.push_back(at);
  }
  if (std::ssize(starts) < kLeastSlabs) {
    fail("a scan gives too few slabs", path, fmt::format("at least {}", kLeastSlabs),
         fmt::format("{}", starts.size()), "lower dataset.slab_slices or dataset.gap_slices");
  }
  return starts;
}

Split split_of(size_t slab) {
  constexpr Split kPattern[] = {Split::kTrain, Split::kVal,   Split::kTrain, Split::kTest,
                                Split::kTrain, Split::kTrain, Split::kTest,  Split::kTrain};
  return kPattern[slab % std::size(kPattern)];
}

// The slabs upwards.
std::vector<StoredCase> cut(const AtlasScan& scan, const SlabOptions& options,
                            const std::string& recipe) {
  const Scan read = read_scan(scan.scan);
  const at::Tensor label = classes_on(read.geometry, scan);
  const Volume whole = reduced(normalised(read.image).contiguous(), label, options.reduce,
                               scan.groups.classes.size());
  std::vector<StoredCase> slabs;
  for (const int64_t first : slab_starts(label, options, scan.atlas)) {
    StoredCase slab;
    const std::string id = fmt::format("{}_slab{:02}", scan.name, slabs.size() + 1);
    slab.info = {id, id, scan.name, scan.only_test ? Split::kTest : split_of(slabs.size())};
    slab.preparation = recipe;
    slab.affine = slab_affine(read.geometry.affine, first, options.reduce);
    const double reduce = static_cast<double>(options.reduce);
    const auto& spacing = read.geometry.spacing_mm;
    slab.volume = {whole.image.narrow(1, first, options.slab_slices).contiguous(),
                   whole.label.narrow(0, first, options.slab_slices).contiguous(),
                   {spacing[0], spacing[1] * reduce, spacing[2] * reduce},
                   true};
    slabs.push_back(std::move(slab));
  }
  return slabs;
}

// Training slabs in their published order, then validation and test upwards.
std::vector<CaseInfo> published(const std::vector<StoredCase>& slabs) {
  std::vector<CaseInfo> train, result;
  for (const StoredCase& slab : slabs) {
    if (slab.info.split == Split::kTrain) train.push_back(slab.info);
  }
  for (const int64_t index : spread_order(std::ssize(train))) result.push_back(train[index]);
  for (const Split split : {Split::kVal, Split::kTest}) {
    for (const StoredCase& slab : slabs) {
      if (slab.info.split == split) result.push_back(slab.info);
    }
  }
  return result;
}

// Returns the preparation of a whole scan, before slabs are cut from it.
Preparation whole_scan_preparation(const AtlasScan& scan, const SlabOptions& options) {
  Preparation how;
  how.orientation = "stored";
  how.intensity.scale = "minmax";
  if (options.reduce > 1) {
    const auto spacing = read_scan(scan.scan).geometry.spacing_mm;
    const auto reduce = static_cast<double>(options.reduce);
    how.spacing_mm = {spacing[0], spacing[1] * reduce, spacing[2] * reduce};
  }
  return how;
}

}  // namespace

void SlabOptions::read(const Config& config) {
  config.read("slab_slices", slab_slices, {1, 64},
              "Number of axial slices in a slab, which stands for a patient.");
  config.read("gap_slices", gap_slices, {0, 64},
              "Number of unused slices between two slabs, so that neighbours are not nearly the "
              "same. Lower it for more slabs.");
  config.read("reduce", reduce, {1, 8},
              "Factor by which slices are reduced along both axes. Raise it for smaller images.");
  read_root(config, root);
}

std::vector<int64_t> spread_order(int64_t count) {
  std::vector<int64_t> order;
  for (uint64_t k = 1; std::ssize(order) < count; ++k) {
    double place = 0, part = 0.5;  // the bits of k behind the point, in reverse
    for (uint64_t bits = k; bits > 0; bits >>= 1, part /= 2) place += (bits & 1) != 0 ? part : 0;
    const auto index = static_cast<int64_t>(place * static_cast<double>(count));
    if (std::find(order.begin(), order.end(), index) == order.end()) order.push_back(index);
  }
  return order;
}

fs::path slab_store(const std::string& name, const std::vector<AtlasScan>& scans,
                    const SlabOptions& options) {
  std::string recipe = fmt::format("{} version 2, slabs of {} slices, gap {}, reduce {}", name,
                                   options.slab_slices, options.gap_slices, options.reduce);
  for (const AtlasScan& scan : scans) {
    recipe +=
        fmt::format("; {}: {}, {}, {}{}", scan.name, fingerprint(scan.scan),
                    fingerprint(scan.atlas), scan.groups.text, scan.only_test ? ", only test" : "");
  }
  return made_store(options.root, name, recipe, [&](const fs::path& folder) {
    std::vector<CaseInfo> infos;
    for (const AtlasScan& scan : scans) {
      const std::vector<StoredCase> slabs = cut(scan, options, recipe);
      for (const StoredCase& slab : slabs) write_case(folder, slab);
      const std::vector<CaseInfo> order = published(slabs);
      infos.insert(infos.end(), order.begin(), order.end());
    }
    write_index(folder,
                {.name = name,
                 .classes = scans[0].groups.classes,
                 .label_based_preparation = true,
                 .preparation = whole_scan_preparation(scans[0], options).text()},
                infos);
  });
}

}  // namespace semiseg
