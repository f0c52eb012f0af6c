// SPDX-License-Identifier: Apache-2.0
// provenance.json of a run: which program on which machine, so that a number can be made again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace semiseg {

// What only the program knows.
struct ProvenanceRequest {
  std::string version;       // of the program
  std::string git_revision;  // empty: not built from a repository
  std::vector<std::string> command_line;
  std::map<std::string, std::string> environment;  // all of it; only OMP_*, MKL_*,
                                                   // CUDA_VISIBLE_DEVICES and SLURM_JOB_ID are kept
  int ranks = 1;
  int64_t now = 0;  // seconds since the epoch
};

// The text of the file: the above, and compiler, LibTorch, threads, host, processor and system of
// this process.
std::string provenance_json(const ProvenanceRequest& request);

// That text, atomically. kIo on failure.
void write_provenance(const std::filesystem::path& path, const ProvenanceRequest& request);

}  // namespace semiseg
