// SPDX-License-Identifier: Apache-2.0
// Tells whether the nodes of a cluster are likely to see a folder.
#pragma once

#include <filesystem>
#include <string>

namespace semiseg::cluster {

// Returns the type of a file system that one machine has for itself ("tmpfs", "ext4"), judged by the
// nearest folder that exists; empty for a network file system and for a type that is not known.
std::string local_file_system(const std::filesystem::path& folder);

// Warns when jobs on other machines will not see the folder.
void warn_unless_shared(const std::filesystem::path& folder);

}  // namespace semiseg::cluster
