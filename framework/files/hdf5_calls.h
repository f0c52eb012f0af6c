// SPDX-License-Identifier: Apache-2.0
// Calls HDF5 with error checks, under the one mutex of the process. Private to the hdf5_*.cpp
// files.
#pragma once

#include <ATen/core/Tensor.h>
#include <hdf5.h>

#include <filesystem>
#include <mutex>
#include <string>
#include <utility>

namespace semiseg::hdf5 {

static_assert(sizeof(hid_t) == sizeof(int64_t), "hdf5_file.h keeps identifiers as int64_t");

// The file and object of the call that is checked.
struct Where {
  const std::filesystem::path& path;
  std::string object;  // dataset, group or attribute owner; empty for the file
  bool writing = false;
};

// Holds the mutex of the process and keeps HDF5 from printing its error stack (a setting of each
// thread).
class Exclusive {
 public:
  Exclusive() : lock_(mutex()) {
    // After a full disk HDF5 would try to write its remaining buffers when the process exits, and
    // crash.
    [[maybe_unused]] static const herr_t once = H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }

 private:
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }
  std::lock_guard<std::mutex> lock_;
};

// Returns HDF5's error stack of this thread in one line, outermost call first.
std::string error_stack();

// Throws kIo while writing, kData while reading.
[[noreturn]] void fail(const char* expression, const Where& at);

template <class Result>
Result checked(Result result, const char* expression, const Where& at) {
  if (result < 0) fail(expression, at);
  return result;
}

#define SEMISEG_HDF5(call, at) ::semiseg::hdf5::checked((call), #call, (at))

// An identifier that closes itself.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

// The types of a tensor's elements, in the file and in memory.
struct Types {
  hid_t stored, memory;
};
Types types_of(at::ScalarType dtype);

// Access properties that do not follow links to other files, so that a foreign file cannot make the
// program read a third one.
hid_t object_access();
hid_t dataset_access();

// Throws kData unless the dataset lies within its own file and takes no more memory than the file
// can hold: sizes, chunks and external storage are looked at before anything is allocated.
void check_storage(hid_t set, const Where& at);

// A scalar or simple dataspace.
Handle make_space(at::IntArrayRef sizes, const Where& at);

}  // namespace semiseg::hdf5
