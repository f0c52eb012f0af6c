// SPDX-License-Identifier: Apache-2.0
#include "framework/data/archive/case_features.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "framework/core/error.h"
#include "framework/files/hdf5_file.h"
#include "framework/files/npy_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDataset = "features";

std::string text(at::IntArrayRef sizes) { return fmt::format("[{}]", fmt::join(sizes, ",")); }

// One file, whose array has a first axis of features or lacks it.
class FeatureFile {
 public:
  FeatureFile(const fs::path& folder, const std::string& id) : path_(folder / (id + ".h5")) {
    if (!fs::exists(path_)) {
      is_npy_ = true;
      path_ = folder / (id + ".npy");
    }
    if (!fs::exists(path_)) {
      throw Error(ErrorKind::kData,
                  {.what = "a training case has no features",
                   .where = id,
                   .expected = fmt::format("{0}.h5 or {0}.npy in {1}", id, folder.string()),
                   .got = "neither",
                   .fix = "compute them for every training case, labelled or not"});
    }
    sizes_ = is_npy_ ? read_npy_shape(path_) : Hdf5File::open(path_).describe(kDataset).sizes;
    if (sizes_.size() == 4 || sizes_.size() == 3) return;
    throw Error(ErrorKind::kData, {.what = "an array of features has another number of axes",
                                   .where = path_.string(),
                                   .expected = "[F,D,H,W], or [D,H,W] for one feature",
                                   .got = text(sizes_)});
  }

  const fs::path& path() const { return path_; }
  const std::vector<int64_t>& sizes() const { return sizes_; }
  // D, H, W.
  std::vector<int64_t> grid() const { return {sizes_.end() - 3, sizes_.end()}; }

  at::Tensor whole() const {
    return with_features(is_npy_ ? read_npy(path_) : Hdf5File::open(path_).read(kDataset), 4);
  }
  // Index `slice` of one of D, H, W.
  at::Tensor slice(int64_t axis, int64_t slice) const {
    const int64_t place = axis + std::ssize(sizes_) - 3;
    return with_features(
        is_npy_ ? read_npy_index(path_, place, slice)
                : Hdf5File::open(path_).read_range(kDataset, place, slice, 1).squeeze(place),
        3);
  }

 private:
  static at::Tensor with_features(const at::Tensor& array, int64_t axes) {
    const at::Tensor all = array.dim() == axes ? array : array.unsqueeze(0);
    return all.to(at::kFloat).contiguous();
  }

  fs::path path_;
  bool is_npy_ = false;
  std::vector<int64_t> sizes_;
};

[[noreturn]] void fail_grid(const FeatureFile& file, const std::string& image) {
  throw Error(ErrorKind::kData,
              {.what = "features lie on another grid than their image",
               .where = file.path().string(),
               .expected = image,
               .got = fmt::format("features {}", text(file.sizes())),
               .fix = "resample the features to the voxels of the prepared image"});
}

}  // namespace

std::string read_features_folder(const Config& section) {
  std::string folder;
  section.read(
      "features", folder,
      "Folder with features or probabilities that another program computed for each "
      "training case, CASE.h5 (dataset \"features\") or CASE.npy, [F,D,H,W] on the grid of "
      "the prepared images; empty: none. They move with the image and reach methods that "
      "ask for the view \"features\". Set it to learn from a frozen network.");
  return folder;
}

CaseFeatures::CaseFeatures(fs::path folder, const std::vector<CaseInfo>& cases, int64_t axial_axis)
    : folder_(std::move(folder)), cases_(cases), axial_axis_(axial_axis) {
  if (fs::is_directory(folder_)) return;
  throw Error(ErrorKind::kData, {.what = "the folder of features does not exist",
                                 .where = "dataset.features",
                                 .expected = "a folder with one file for each training case",
                                 .got = folder_.string(),
                                 .fix = "set dataset.features to that folder"});
}

at::Tensor CaseFeatures::load(const SampleInfo& sample, const at::Tensor& image) const {
  const FeatureFile file(folder_, cases_.at(sample.case_index).id);
  std::vector<int64_t> grid = file.grid();
  if (sample.slice < 0) {
    if (at::IntArrayRef(grid) != image.sizes().slice(1))
      fail_grid(file, fmt::format("[F,{}] as the image {}", fmt::join(image.sizes().slice(1), ","),
                                  text(image.sizes())));
    return file.whole();
  }
  const int64_t slices = grid[static_cast<size_t>(axial_axis_)];
  grid.erase(grid.begin() + axial_axis_);
  if (at::IntArrayRef(grid) != image.sizes().slice(1) || sample.slice >= slices) {
    fail_grid(file, fmt::format("slice {} along axis {} of [D,H,W], as the image {}", sample.slice,
                                axial_axis_, text(image.sizes())));
  }
  return file.slice(axial_axis_, sample.slice);
}

}  // namespace semiseg
