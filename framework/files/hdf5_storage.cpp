// SPDX-License-Identifier: Apache-2.0
// Checks the size and storage that a dataset claims against its file, before anything is allocated.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "framework/core/error.h"
#include "framework/files/hdf5_calls.h"

namespace semiseg::hdf5 {
namespace {

// A byte of a deflate stream stands for at most 1032 bytes (zlib, "Maximum Compression Factor").
constexpr double kMostInflated = 1032;
// Chunks that were never written take no space in the file and are read as zeros.
constexpr double kMostUnwritten = 1 << 20;

hid_t without_external_links(hid_t kind) {
  const hid_t properties = H5Pcreate(kind);
  const auto refuse = [](const char*, const char*, const char*, const char*, unsigned*, hid_t,
                         void*) -> herr_t { return -1; };
  H5Pset_elink_cb(properties, refuse, nullptr);
  return properties;
}

[[noreturn]] void refuse(const Where& at, std::string what, std::string expected, std::string got) {
  throw Error(ErrorKind::kData, {.what = std::move(what),
                                 .where = at.path.string() + ": " + at.object,
                                 .expected = std::move(expected),
                                 .got = std::move(got),
                                 .fix = "replace the file with a good copy"});
}

// As a double, because a product of hostile sizes overflows every integer.
double product(const std::vector<hsize_t>& sizes) {
  double result = 1;
  for (const hsize_t size : sizes) result *= static_cast<double>(size);
  return result;
}

std::vector<hsize_t> sizes_of(hid_t set, const Where& at) {
  const Handle space(SEMISEG_HDF5(H5Dget_space(set), at), H5Sclose);
  std::vector<hsize_t> sizes(
      static_cast<size_t>(SEMISEG_HDF5(H5Sget_simple_extent_ndims(space), at)));
  SEMISEG_HDF5(H5Sget_simple_extent_dims(space, sizes.data(), nullptr), at);
  return sizes;
}

std::vector<hsize_t> chunk_of(hid_t creation, size_t dimensions, const Where& at) {
  std::vector<hsize_t> sides(dimensions);
  SEMISEG_HDF5(H5Pget_chunk(creation, static_cast<int>(dimensions), sides.data()), at);
  return sides;
}

}  // namespace

hid_t object_access() {
  static const hid_t properties = without_external_links(H5P_LINK_ACCESS);
  return properties;
}

hid_t dataset_access() {
  static const hid_t properties = without_external_links(H5P_DATASET_ACCESS);
  return properties;
}

void check_storage(hid_t set, const Where& at) {
  const Handle creation(SEMISEG_HDF5(H5Dget_create_plist(set), at), H5Pclose);
  if (SEMISEG_HDF5(H5Pget_external_count(creation), at) > 0)
    refuse(at, "the numbers of a dataset lie in another file", "all of them in this file",
           "external storage");
  const Handle type(SEMISEG_HDF5(H5Dget_type(set), at), H5Tclose);
  const std::vector<hsize_t> sizes = sizes_of(set, at);
  const double width = static_cast<double>(H5Tget_size(type)), bytes = product(sizes) * width;
  const double stored = std::min(static_cast<double>(H5Dget_storage_size(set)),
                                 static_cast<double>(std::filesystem::file_size(at.path)));
  const bool is_chunked = H5Pget_layout(creation) == H5D_CHUNKED;
  const double most = is_chunked ? kMostInflated * stored + kMostUnwritten : stored;
  const double chunk = is_chunked ? product(chunk_of(creation, sizes.size(), at)) * width : 0;
  if (std::max(bytes, chunk) > most + kMostUnwritten) {
    refuse(at, "a dataset is larger than its file can hold",
           fmt::format("at most {:.0f} bytes", most),
           fmt::format("shape [{}], {:.3g} bytes, of which {:.0f} are in the file",
                       fmt::join(sizes, ","), bytes, stored));
  }
}

}  // namespace semiseg::hdf5
