// SPDX-License-Identifier: Apache-2.0
// Writing an HDF5 file. A full disk shows here, so tests can make each call fail.
#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/files/hdf5_calls.h"
#include "framework/files/hdf5_file.h"

namespace semiseg {
namespace fs = std::filesystem;
using hdf5::Exclusive;
using hdf5::Handle;
using hdf5::Where;
namespace {

Handle creation_properties(const Hdf5Storage& storage, at::IntArrayRef sizes, bool chunked,
                           const Where& at) {
  Handle properties(SEMISEG_HDF5(H5Pcreate(H5P_DATASET_CREATE), at), H5Pclose);
  // The same tensors give the same bytes.
  SEMISEG_HDF5(H5Pset_obj_track_times(properties, false), at);
  if (!chunked) return properties;
  SEMISEG_CHECK(storage.chunk.size() == sizes.size(), "a chunk has one side for each axis");
  std::vector<hsize_t> chunk;
  for (size_t i = 0; i < sizes.size(); ++i)
    chunk.push_back(std::clamp<int64_t>(storage.chunk[i], 1, sizes[i]));
  SEMISEG_HDF5(H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), at);
  if (storage.gzip > 0) {
    SEMISEG_HDF5(H5Pset_shuffle(properties), at);
    SEMISEG_HDF5(H5Pset_deflate(properties, static_cast<unsigned>(storage.gzip)), at);
  }
  return properties;
}

Handle linking_properties(const Where& at) {
  Handle properties(SEMISEG_HDF5(H5Pcreate(H5P_LINK_CREATE), at), H5Pclose);
  SEMISEG_HDF5(H5Pset_create_intermediate_group(properties, 1), at);
  return properties;
}

}  // namespace

Hdf5File Hdf5File::create(const fs::path& path) {
  const Exclusive exclusive;
  Hdf5File result(path, -1, true);
  const Where at = result.context("");
  result.before_write("H5Fcreate");
  // No other process uses the temporary file, and not every file system has locks.
  const Handle access(SEMISEG_HDF5(H5Pcreate(H5P_FILE_ACCESS), at), H5Pclose);
  SEMISEG_HDF5(H5Pset_file_locking(access, /*use_file_locking=*/false, true), at);
  result.file_ = SEMISEG_HDF5(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), at);
  return result;
}

void Hdf5File::before_write(const char* call) const {
  SEMISEG_CHECK(writable_, path_.string() + " was opened for reading");
  if (!file_fault("write", path_)) return;
  throw Error(
      ErrorKind::kIo,
      {.what = fmt::format("cannot write the HDF5 file ({}: No space left on device)", call),
       .where = path_.string(),
       .fix = "free space and run the same command again"});
}

void Hdf5File::create_group(const std::string& name) {
  const Exclusive exclusive;
  const Where at = context(name);
  before_write("H5Gcreate");
  const Handle linking = linking_properties(at);
  const Handle group(
      SEMISEG_HDF5(H5Gcreate2(file_, name.c_str(), linking, H5P_DEFAULT, H5P_DEFAULT), at),
      H5Gclose);
}

void Hdf5File::write(const std::string& name, const at::Tensor& value, const Hdf5Storage& storage) {
  const at::Tensor data = value.detach().cpu().contiguous();
  const Exclusive exclusive;
  const Where at = context(name);
  const hdf5::Types types = hdf5::types_of(data.scalar_type());
  const bool chunked = !storage.chunk.empty() && data.dim() > 0 && data.numel() > 0;
  before_write("H5Dcreate");
  const Handle space = hdf5::make_space(data.sizes(), at);
  const Handle linking = linking_properties(at);
  const Handle creation = creation_properties(storage, data.sizes(), chunked, at);
  const Handle set(
      SEMISEG_HDF5(
          H5Dcreate2(file_, name.c_str(), types.stored, space, linking, creation, H5P_DEFAULT), at),
      H5Dclose);
  before_write("H5Dwrite");
  if (data.numel() > 0) {
    SEMISEG_HDF5(H5Dwrite(set, types.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data.const_data_ptr()),
                 at);
  }
}

void Hdf5File::flush() {
  const Exclusive exclusive;
  const Where at = context("");
  before_write("H5Fflush");
  SEMISEG_HDF5(H5Fflush(file_, H5F_SCOPE_LOCAL), at);
}

void Hdf5File::close() {
  if (file_ < 0) return;
  const Exclusive exclusive;
  const Where at = context("");
  if (writable_) {
    before_write("H5Fclose");
    // Flushes first, because it can fail for lack of space: a failed flush leaves the file open, a
    // failed close loses the identifier.
    SEMISEG_HDF5(H5Fflush(file_, H5F_SCOPE_LOCAL), at);
  }
  SEMISEG_HDF5(H5Fclose(std::exchange(file_, -1)), at);
}

}  // namespace semiseg
