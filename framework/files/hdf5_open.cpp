// SPDX-License-Identifier: Apache-2.0
// Opens an HDF5 file, and distinguishes the reasons of a failure.
#include <fmt/format.h>

#include <cerrno>
#include <fstream>

#include "framework/core/error.h"
#include "framework/core/own_file.h"
#include "framework/files/hdf5_calls.h"
#include "framework/files/hdf5_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// The signature stands at 0 or, behind a user block, at 512, 1024, 2048, …
void check_signature(const fs::path& path) {
  constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);
  std::ifstream file(path, std::ios::binary);
  std::string head(24, '\0');
  if (fs::is_directory(path) || !file) {
    throw Error(
        ErrorKind::kData,
        {.what = "cannot read the file", .where = path.string(), .expected = "an HDF5 file"});
  }
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(file.gcount()));
  const auto size = static_cast<int64_t>(fs::file_size(path));
  std::string found = head.substr(0, 8);
  for (int64_t offset = 512; found != kSignature && offset + 8 <= size; offset *= 2) {
    file.clear();
    file.seekg(offset);
    found.assign(8, '\0');
    file.read(found.data(), 8);
  }
  if (found == kSignature) return;
  std::string shown;
  for (const char c : head)
    shown += c >= 32 && c < 127 ? std::string(1, c) : fmt::format("\\x{:02x}", uint8_t(c));
  throw Error(ErrorKind::kData,
              {.what = head.empty() ? "not an HDF5 file (it is empty)"
                                    : fmt::format("not an HDF5 file (starts with \"{}\")", shown),
               .where = path.string(),
               .fix = "if this is a pointer or an archive, fetch or unpack the real file"});
}

constexpr const char* kLockFails = "unable to lock file";

// The lock keeps readers off a file that is being written. A file system that has no locks gives
// another reason than a holder (EAGAIN), and then the file is read without one.
hid_t open_read_only(const fs::path& path) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file >= 0) return file;
  const std::string text = hdf5::error_stack();
  const std::string held = fmt::format("errno = {},", EWOULDBLOCK);
  if (text.find(kLockFails) == std::string::npos || text.find(held) != std::string::npos)
    return file;
  const hdf5::Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access, /*use_file_locking=*/false, /*ignore_when_disabled=*/true);
  return H5Fopen(path.c_str(), H5F_ACC_RDONLY, access);
}

// Throws the reason why an HDF5 file could not be opened, found by HDF5's text.
[[noreturn]] void fail_open(const fs::path& path) {
  const std::string text = hdf5::error_stack();
  ErrorParts parts{.what = "cannot open the HDF5 file",
                   .where = path.string(),
                   .got = text,
                   .fix = "replace the file with a good copy"};
  if (text.find(kLockFails) != std::string::npos) {
    parts.what = "the HDF5 file is locked by another process";
    parts.fix =
        "wait for its writer; HDF5_USE_FILE_LOCKING=FALSE in the environment reads it anyway";
  } else if (text.find("truncated file") != std::string::npos) {
    parts.what = "the HDF5 file is truncated";
    parts.got = fmt::format("{} bytes; {}", fs::file_size(path), text);
  }
  throw Error(ErrorKind::kData, std::move(parts));
}

}  // namespace

Hdf5File Hdf5File::open(const fs::path& path) {
  if (!fs::exists(path)) {
    throw Error(ErrorKind::kData,
                {.what = "no such file", .where = path.string(), .expected = "an HDF5 file"});
  }
  check_is_file(path);
  check_signature(path);
  const hdf5::Exclusive exclusive;
  const hid_t file = open_read_only(path);
  if (file < 0) fail_open(path);
  return Hdf5File(path, file, false);
}

}  // namespace semiseg
