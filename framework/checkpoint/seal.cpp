// SPDX-License-Identifier: Apache-2.0
#include "framework/checkpoint/seal.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSealAttribute = "seal";
constexpr std::string_view kSealText = "xxh3 of this file: ";
constexpr size_t kDigits = 16;
constexpr size_t kBlock = 65536;

struct Seal {
  size_t position = std::string::npos;  // offset of the digits; npos: the file has none
  std::string written, computed;
};

// Finds the seal in the first block, and leaves zeros in its place.
void take_digits(std::string& block, Seal& seal) {
  const size_t text = block.find(kSealText);
  if (text == std::string::npos || text + kSealText.size() + kDigits > block.size()) return;
  seal.position = text + kSealText.size();
  seal.written = block.substr(seal.position, kDigits);
  block.replace(seal.position, kDigits, kDigits, '0');
}

// One pass over the bytes. An error of this kind when they cannot be read.
Seal read_seal(const fs::path& path, ErrorKind kind) {
  // A pipe among the checkpoints would be waited for without end.
  if (fs::exists(path)) check_is_file(path);
  std::ifstream file(path, std::ios::binary);
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> hash(XXH3_createState(),
                                                                             XXH3_freeState);
  XXH3_64bits_reset(hash.get());
  Seal seal;
  std::string block;
  do {
    const bool is_first = block.empty();
    block.resize(kBlock);
    file.read(block.data(), kBlock);
    block.resize(static_cast<size_t>(file.gcount()));
    if (is_first) take_digits(block, seal);
    XXH3_64bits_update(hash.get(), block.data(), block.size());
  } while (file);
  if (fs::is_directory(path) || !file.eof()) {
    // A file that cannot be read now may be valid, so no older one may take its place.
    throw Error(fs::is_regular_file(path) ? ErrorKind::kIo : kind,
                {.what = "cannot read the checkpoint", .where = path.string()});
  }
  seal.computed = fmt::format("{:016x}", XXH3_64bits_digest(hash.get()));
  return seal;
}

}  // namespace

void reserve_seal(Hdf5File& file) {
  file.write_attribute("/", kSealAttribute, std::string(kSealText) + std::string(kDigits, '0'));
}

void seal_file(const fs::path& path) {
  const Seal seal = read_seal(path, ErrorKind::kIo);
  SEMISEG_CHECK(seal.position != std::string::npos, path.string() + " has no room for a seal");
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(seal.position));
  if (file_fault("write", path) || !(file << seal.computed).flush()) {
    throw Error(ErrorKind::kIo, {.what = "cannot write the checksum of a checkpoint",
                                 .where = path.string(),
                                 .fix = "free space and run the same command again"});
  }
}

void check_seal(const fs::path& path) {
  const Seal seal = read_seal(path, ErrorKind::kData);
  if (seal.position == std::string::npos) {
    throw Error(ErrorKind::kData,
                {.what = "a checkpoint is damaged, or the file is none: its seal is missing",
                 .where = path.string(),
                 .expected = fmt::format("'{}' in its first bytes", kSealText),
                 .got = fmt::format("{} bytes without", fs::file_size(path))});
  }
  if (seal.written != seal.computed) {
    throw Error(ErrorKind::kData, {.what = "a checkpoint is damaged",
                                   .where = path.string(),
                                   .expected = "checksum of the file " + seal.written,
                                   .got = seal.computed});
  }
}

}  // namespace semiseg
