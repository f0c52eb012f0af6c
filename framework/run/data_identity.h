// SPDX-License-Identifier: Apache-2.0
// The data that a run was started with: its cases, their splits and a sample of their voxels. All
// ranks, and every start of a run, must see the same.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "framework/run/run_data.h"
#include "framework/run/world.h"

namespace semiseg {

// Returns one line for each case, "id,patient,centre,split,hash". A case store records the hash. Of
// other data sets only some training cases have one, because their voxels must be read for it. The
// path of the data is not included: a copy elsewhere is the same data.
std::string data_identity(const RunOptions& options, const RunData& data);

// Collective. Throws kConfig naming cases in which a rank's data differ from rank 0's.
void check_same_data(const std::string& identity, World& world);

// Returns in a sentence what differs from the data that the run was started with; empty: nothing,
// or the folder has no record.
std::string changed_data(const std::filesystem::path& run, const std::string& identity);

// Throws kData that says what differs.
void check_data(const std::filesystem::path& run, const std::string& identity);

// Writes data.csv of a folder that has none.
void keep_data_identity(const std::filesystem::path& run, const std::string& identity);

}  // namespace semiseg
