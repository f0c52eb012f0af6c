// SPDX-License-Identifier: Apache-2.0
// Reading and the life of an Hdf5File; hdf5_open, hdf5_write and hdf5_attributes have the rest.
#include "framework/files/hdf5_file.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/core/error.h"
#include "framework/files/hdf5_calls.h"

namespace semiseg {
namespace fs = std::filesystem;
using hdf5::Exclusive;
using hdf5::Handle;
using hdf5::Where;
namespace {

constexpr hsize_t kLongestAxis = hsize_t{1}
                                 << 40;  // products of a few fit into 64 bits or are refused

at::ScalarType dtype_of(hid_t type, const Where& at) {
  const size_t bytes = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return bytes > 4 ? at::kDouble : at::kFloat;
    case H5T_ENUM:
      if (bytes == 1) return at::kBool;
      break;
    case H5T_INTEGER:
      if (bytes == 1 && H5Tget_sign(type) == H5T_SGN_NONE) return at::kByte;
      return bytes > 4 || (bytes == 4 && H5Tget_sign(type) == H5T_SGN_NONE) ? at::kLong : at::kInt;
    default:
      break;
  }
  throw Error(ErrorKind::kData, {.what = "a dataset does not hold numbers",
                                 .where = at.path.string() + ": " + at.object,
                                 .expected = "floats, integers or booleans"});
}

Hdf5Description description(hid_t set, const Where& at) {
  const Handle space(SEMISEG_HDF5(H5Dget_space(set), at), H5Sclose);
  const Handle type(SEMISEG_HDF5(H5Dget_type(set), at), H5Tclose);
  std::vector<hsize_t> sizes(
      static_cast<size_t>(SEMISEG_HDF5(H5Sget_simple_extent_ndims(space), at)));
  SEMISEG_HDF5(H5Sget_simple_extent_dims(space, sizes.data(), nullptr), at);
  if (std::any_of(sizes.begin(), sizes.end(), [](hsize_t size) { return size > kLongestAxis; })) {
    throw Error(ErrorKind::kData, {.what = "an axis of a dataset is too long",
                                   .where = at.path.string() + ": " + at.object,
                                   .expected = fmt::format("at most {} entries", kLongestAxis),
                                   .got = fmt::format("shape [{}]", fmt::join(sizes, ","))});
  }
  return {{sizes.begin(), sizes.end()}, dtype_of(type, at)};
}

// True when every link on the way exists; H5Lexists alone fails on a missing group.
bool exists(hid_t file, const std::string& name, const Where& at) {
  const std::string path = name.substr(std::min(name.find_first_not_of('/'), name.size()));
  for (size_t end = path.find('/'); !path.empty(); end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (SEMISEG_HDF5(H5Lexists(file, part.c_str(), hdf5::object_access()), at) == 0) return false;
    if (end == std::string::npos) break;
  }
  return true;
}

std::vector<std::string> children(hid_t file, const std::string& group, const Where& at) {
  std::vector<std::string> result;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  SEMISEG_HDF5(H5Literate_by_name(file, group.c_str(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add,
                                  &result, hdf5::object_access()),
               at);
  std::sort(result.begin(), result.end());
  return result;
}

hid_t open_dataset(hid_t file, const Where& at) {
  if (!exists(file, at.object, at)) {
    throw Error(ErrorKind::kData,
                {.what = fmt::format("the HDF5 file has no dataset '{}'", at.object),
                 .where = at.path.string(),
                 .expected = at.object,
                 .got = fmt::format("{}", fmt::join(children(file, "/", at), ", "))});
  }
  const hid_t access = hdf5::dataset_access();
  return SEMISEG_HDF5(H5Dopen2(file, at.object.c_str(), access), at);
}

// Reads what `selected` picks (H5S_ALL: everything) into a new tensor of `sizes`.
at::Tensor read_selected(hid_t set, hid_t selected, const Hdf5Description& description,
                         const Where& at) {
  hdf5::check_storage(set, at);
  const bool is_bool = description.dtype == at::kBool;
  at::Tensor out = at::empty(description.sizes, is_bool ? at::kChar : description.dtype);
  if (out.numel() > 0) {
    const Handle space = hdf5::make_space(description.sizes, at);
    SEMISEG_HDF5(H5Dread(set, hdf5::types_of(description.dtype).memory, space, selected,
                         H5P_DEFAULT, out.data_ptr()),
                 at);
  }
  return is_bool ? out.ne(0) : out;
}

}  // namespace

Hdf5File::Hdf5File(fs::path path, int64_t file, bool writable)
    : path_(std::move(path)), file_(file), writable_(writable) {}

Hdf5File::Hdf5File(Hdf5File&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      writable_(other.writable_) {}

Hdf5File::~Hdf5File() {
  if (file_ < 0) return;
  const Exclusive exclusive;
  H5Fclose(file_);
}

hdf5::Where Hdf5File::context(const std::string& object) const {
  return {path_, object, writable_};
}

at::Tensor Hdf5File::read(const std::string& name) const {
  const Exclusive exclusive;
  const Where at = context(name);
  const Handle set(open_dataset(file_, at), H5Dclose);
  return read_selected(set, H5S_ALL, description(set, at), at);
}

at::Tensor Hdf5File::read_range(const std::string& name, int64_t axis, int64_t start,
                                int64_t count) const {
  const Exclusive exclusive;
  const Where at = context(name);
  const Handle set(open_dataset(file_, at), H5Dclose);
  Hdf5Description part = description(set, at);
  const auto position = static_cast<size_t>(axis);
  hdf5::check_storage(set, at);
  if (position >= part.sizes.size() || start < 0 || count < 1 ||
      start + count > part.sizes[position]) {
    throw Error(ErrorKind::kData,
                {.what = "a dataset is smaller than what is read from it",
                 .where = path_.string() + ": " + name,
                 .expected = fmt::format("axis {} with at least {} entries", axis, start + count),
                 .got = fmt::format("shape [{}]", fmt::join(part.sizes, ","))});
  }
  part.sizes[position] = count;
  std::vector<hsize_t> offset(part.sizes.size(), 0);
  offset[position] = static_cast<hsize_t>(start);
  const std::vector<hsize_t> extent(part.sizes.begin(), part.sizes.end());
  const Handle space(SEMISEG_HDF5(H5Dget_space(set), at), H5Sclose);
  SEMISEG_HDF5(
      H5Sselect_hyperslab(space, H5S_SELECT_SET, offset.data(), nullptr, extent.data(), nullptr),
      at);
  return read_selected(set, space, part, at);
}

Hdf5Description Hdf5File::describe(const std::string& name) const {
  const Exclusive exclusive;
  const Where at = context(name);
  const Handle set(open_dataset(file_, at), H5Dclose);
  return description(set, at);
}

bool Hdf5File::has(const std::string& name) const {
  const Exclusive exclusive;
  return exists(file_, name, context(name));
}

std::vector<std::string> Hdf5File::names(const std::string& group) const {
  const Exclusive exclusive;
  return children(file_, group, context(group));
}

std::vector<std::string> Hdf5File::datasets() const {
  const Exclusive exclusive;
  const Where at = context("");
  std::vector<std::string> result;
  const auto add = [](hid_t, const char* name, const H5O_info_t* info, void* out) -> herr_t {
    if (info->type == H5O_TYPE_DATASET)
      static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  SEMISEG_HDF5(H5Ovisit2(file_, H5_INDEX_NAME, H5_ITER_INC, add, &result, H5O_INFO_BASIC), at);
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace semiseg
