// SPDX-License-Identifier: Apache-2.0
// provenance.json of a run: the program and machine that made it, so that results can be
// reproduced.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/record/run/run_folder.h"

namespace semiseg {

// The facts that the program passes in.
struct ProvenanceRequest {
  std::string version;       // version of the program
  std::string git_revision;  // empty: not built from a repository
  std::vector<std::string> command_line;
  std::map<std::string, std::string> environment;  // all of it; only OMP_*, MKL_*,
                                                   // NCCL_*, CUDA_VISIBLE_DEVICES and SLURM_JOB_ID
                                                   // are kept
  int ranks = 1;
  std::vector<std::string> machines;  // of each rank: its host and, if it has one, its GPU
  int64_t tried = 0;                  // configurations of the method on the same data; 0: unknown
  int64_t labels_touched = 0;         // patients whose labels are read before the final evaluation
  int64_t now = 0;                    // seconds since the epoch
};

// Returns the text of the file: the above, and compiler, LibTorch, threads, host, processor and
// system of this process.
std::string provenance_json(const ProvenanceRequest& request);

// Writes that text atomically. Throws kIo on failure.
void write_provenance(const std::filesystem::path& path, const ProvenanceRequest& request);

// The facts of the request that only the run knows.
struct RunFacts {
  int ranks = 1;
  std::vector<std::string> machines;
  int64_t tried = 0, labels_touched = 0;
};

// Writes provenance.json of a run that this process makes. Throws kIo on failure.
void record_provenance(const RunFolder& folder, const std::vector<std::string>& arguments,
                       const RunFacts& facts);

}  // namespace semiseg
