// SPDX-License-Identifier: Apache-2.0
// Compares what runs need with what they are given: memory, and folders that their nodes see.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cluster/resources.h"

namespace semiseg::cluster {

// The part of a job specification that memory is compared with.
struct ResourceRequest {
  int64_t ranks = 1;                 // of one run
  std::optional<double> node_bytes;  // of one node; none: the partition's default
  int64_t ranks_per_node = 1;
  bool has_gpu = false;

  static ResourceRequest of(const Resources& resources);
};

// "16G" as Slurm reads it, in bytes: K, M, G, T; a bare number is mebibytes. Throws kConfig.
double memory_bytes(const std::string& text);

// Returns the free memory of this machine in bytes, with what it would give up.
double available_bytes();

// "1.5 GiB"
std::string bytes_text(double bytes);

// Returns why other nodes cannot see the folder: "tmpfs", "/tmp"; empty when they may.
std::string node_local(const std::filesystem::path& folder);

}  // namespace semiseg::cluster
