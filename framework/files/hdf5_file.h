// SPDX-License-Identifier: Apache-2.0
// One HDF5 file: tensors and attributes in and out. Serves data sets and checkpoints; no other file
// includes hdf5.h.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace semiseg {

namespace hdf5 {
struct Where;
}

// The storage layout of a dataset in the file. Scalars and empty tensors ignore it.
struct Hdf5Storage {
  std::vector<int64_t> chunk = {};  // one side for each axis, cut to the tensor; empty: contiguous
  int gzip = 0;  // 0: not compressed, 1 to 9; needs chunks. Bytes are shuffled first
};

struct Hdf5Description {
  std::vector<int64_t> sizes;  // empty: a scalar
  at::ScalarType dtype;        // dtype that `read` returns
};

// Open for reading or for writing. Objects are named by paths, "student/encoder.weight"; "/" is the
// file itself. Thread-safe: one mutex serialises all calls of the process, because HDF5 may be
// built without its own lock, and with it (Debian) still runs one call at a time, so that a second
// lock costs nothing and makes each member one transaction. Errors carry the failing expression and
// HDF5's own text: kData while reading, kIo while writing.
class Hdf5File {
 public:
  // Opens a file read-only. Throws kData that tells apart: no such file, unreadable, not HDF5,
  // truncated. The file may come from anywhere: sizes are checked against it, and no other file is
  // read.
  static Hdf5File open(const std::filesystem::path& path);
  // Creates an empty file and replaces a file at `path`, so pass the temporary of an AtomicFile.
  static Hdf5File create(const std::filesystem::path& path);

  Hdf5File(Hdf5File&& other) noexcept;
  Hdf5File(const Hdf5File&) = delete;
  ~Hdf5File();  // closes without reporting; call close() on a file that was written

  const std::filesystem::path& path() const { return path_; }

  // Every write call asks file_fault("write", path) first. Groups on the way are created.
  void create_group(const std::string& name);
  // float32, float64, int64, int32, uint8 or bool (stored as h5py stores it), any device and
  // strides.
  void write(const std::string& name, const at::Tensor& value, const Hdf5Storage& storage = {});
  void write_attribute(const std::string& object, const std::string& key, const std::string& value);
  void write_attribute(const std::string& object, const std::string& key, const char* value);
  void write_attribute(const std::string& object, const std::string& key, int64_t value);
  void write_attribute(const std::string& object, const std::string& key, double value);
  void write_attribute(const std::string& object, const std::string& key,
                       const std::vector<double>& value);
  // Throws kIo when HDF5's buffers cannot be written.
  void flush();
  void close();

  // Other stored types widen: 8 and 16 bit integers to int32, uint32 and uint64 to int64, half to
  // float32.
  at::Tensor read(const std::string& name) const;
  // Reads `count` entries of one axis from `start`, and the other axes whole. Throws kData outside
  // the dataset.
  at::Tensor read_range(const std::string& name, int64_t axis, int64_t start, int64_t count) const;
  Hdf5Description describe(const std::string& name) const;
  bool has(const std::string& name) const;
  // Returns the direct children of a group, sorted.
  std::vector<std::string> names(const std::string& group = "/") const;
  // Returns the full paths of all datasets at any depth, without the leading "/", sorted.
  std::vector<std::string> datasets() const;
  bool has_attribute(const std::string& object, const std::string& key) const;
  // Throws kData unless the attribute is one text of fixed length, as write_attribute writes it.
  std::string text_attribute(const std::string& object, const std::string& key) const;
  int64_t integer_attribute(const std::string& object, const std::string& key) const;
  double real_attribute(const std::string& object, const std::string& key) const;
  std::vector<double> reals_attribute(const std::string& object, const std::string& key) const;

 private:
  Hdf5File(std::filesystem::path path, int64_t file, bool writable);
  hdf5::Where context(const std::string& object) const;
  void before_write(const char* call) const;

  std::filesystem::path path_;
  int64_t file_ = -1;  // hid_t
  bool writable_ = false;
};

}  // namespace semiseg
