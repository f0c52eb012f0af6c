// SPDX-License-Identifier: Apache-2.0
// account.json of a run: the labels it saw and its cost. It is written beside summary.json, whose
// readers need none of it.
#pragma once

#include <cstdint>
#include <filesystem>

namespace semiseg {

constexpr const char* kAccountFile = "account.json";

struct RunAccount {
  int64_t labelled_patients = 0;   // whose labels training used
  int64_t selection_patients = 0;  // further ones whose labels selected the weights
  int64_t labels_touched = 0;      // patients whose labels were read before the final evaluation
  double device_seconds = 0;       // seconds × devices, over all starts that ended by themselves
  int64_t starts = 0;
  int64_t devices = 1;            // ranks of the last start
  int64_t peak_host_bytes = 0;    // of the first rank, of the last start
  int64_t peak_device_bytes = 0;  // the same of its GPU; 0: none
  int64_t parameters = 0;         // of the deployed network; 0: not known
  // Forward passes of all networks in `counted_steps` training steps, each weighted by its samples
  // as a part of the global batch: teachers count, validations do not.
  double forward_passes = 0;
  int64_t counted_steps = 0;  // of the starts that ended by themselves; 0: not known
};

// Writes atomically. Throws kIo on failure.
void write_account(const std::filesystem::path& path, const RunAccount& account);

// Throws kData naming the file and its error.
RunAccount read_account(const std::filesystem::path& path);

}  // namespace semiseg
