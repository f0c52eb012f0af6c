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

CheckpointFolder::CheckpointFolder(fs::path folder, int64_t keep)
    : folder_(std::move(folder)), keep_(keep), best_(folder_) {}

void CheckpointFolder::save(const StateMap& state, int64_t step) {
  if (!is_clean_) remove_temporaries();
  const fs::path file = path(fmt::format("{:06}", step));
  save_checkpoint(state, file);
  good_[file] = true;
  remove_old();
}

// Removes the temporary files of AtomicFile, "000123.h5.<pid>.tmp".
void CheckpointFolder::remove_temporaries() {
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder_, absent)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".tmp") && name.find(".h5.") != std::string::npos)
      remove_checkpoint(entry.path());
  }
  is_clean_ = true;
}

void CheckpointFolder::remove_old() {
  std::vector<int64_t> kept;
  const auto files = numbered_files(folder_);
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    if (!is_good(file->second)) continue;
    if (std::ssize(kept) == keep_) {
      remove_checkpoint(file->second);
    } else {
      kept.push_back(file->first);
    }
  }
  best_.keep_for(kept);
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
  const auto files = numbered_files(folder_);
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    try {
      return load_checkpoint(file->second);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kData) throw;
      log::warn("a checkpoint is skipped:\n{}", error.what());
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
