// SPDX-License-Identifier: Apache-2.0
#include "framework/checkpoint/checkpoint_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "framework/checkpoint/checkpoint.h"
#include "framework/checkpoint/seal.h"
#include "framework/core/error.h"
#include "framework/core/log.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// Files 000123.h5 of a folder, newest first.
std::vector<fs::path> numbered(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code code;
  const fs::directory_iterator entries(folder, code);
  if (code && code != std::errc::no_such_file_or_directory) {
    throw Error(ErrorKind::kIo, {.what = "cannot read the folder (" + code.message() + ")",
                                 .where = folder.string()});
  }
  for (const auto& entry : entries) {
    const std::string stem = entry.path().stem();
    const bool is_number = !stem.empty() && std::all_of(stem.begin(), stem.end(), ::isdigit);
    if (is_number && entry.path().extension() == ".h5") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return std::stoll(a.stem()) > std::stoll(b.stem());
  });
  return files;
}

void remove_file(const fs::path& file) {
  std::error_code code;
  fs::remove(file, code);
  if (code) log::warn("cannot remove {}: {}", file.string(), code.message());
}

}  // namespace

CheckpointFolder::CheckpointFolder(fs::path folder, int64_t keep)
    : folder_(std::move(folder)), keep_(keep) {}

void CheckpointFolder::save(const StateMap& state, int64_t step) {
  if (!is_clean_) remove_temporaries();
  const fs::path file = path(fmt::format("{:06}", step));
  save_checkpoint(state, file);
  good_[file] = true;
  remove_old();
}

// What AtomicFile names "000123.h5.<pid>.tmp".
void CheckpointFolder::remove_temporaries() {
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder_, absent)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".tmp") && name.find(".h5.") != std::string::npos) remove_file(entry.path());
  }
  is_clean_ = true;
}

void CheckpointFolder::remove_old() {
  int64_t good = 0;
  for (const auto& file : numbered(folder_)) {
    if (is_good(file) && ++good > keep_) remove_file(file);
  }
}

bool CheckpointFolder::is_good(const fs::path& file) {
  const auto known = good_.find(file);
  if (known != good_.end()) return known->second;
  try {
    check_seal(file);
    return good_[file] = true;
  } catch (const Error&) {
    return good_[file] = false;
  }
}

std::optional<StateMap> CheckpointFolder::load_newest() const {
  const std::vector<fs::path> files = numbered(folder_);
  for (const auto& file : files) {
    try {
      return load_checkpoint(file);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kData) throw;
      log::warn("a checkpoint is passed over:\n{}", error.what());
    }
  }
  if (files.empty()) return std::nullopt;
  throw Error(ErrorKind::kData,
              {.what = "none of the checkpoints is good",
               .where = folder_.string(),
               .expected = "one that is whole, of " + std::to_string(files.size()),
               .fix = "bring back a good one, or remove the folder to start at the beginning"});
}

}  // namespace semiseg
