// SPDX-License-Identifier: Apache-2.0
// Which data a run was begun with: its cases, their splits and a sample of their voxels. All ranks,
// and every start of a run, must see the same.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "framework/run/assemble.h"

namespace semiseg {

// One line for each case, "id,patient,centre,split,hash". The hash is that of the case store where
// the data are one; of other data sets only some training cases have one, for their voxels would
// have to be read for it. The place of the data is not in it: a copy elsewhere is the same data.
std::string data_identity(const Experiment& e);

// Collective. kConfig naming cases in which a rank's data differ from rank 0's.
void check_same_data(const std::string& identity, World& world);

// What differs from the data that the run was begun with, in a sentence; empty: nothing, or the
// folder does not say.
std::string changed_data(const std::filesystem::path& run, const std::string& identity);

// Throws kData saying what differs.
void check_data(const std::filesystem::path& run, const std::string& identity);

// Writes data.csv of a folder that has none.
void keep_data_identity(const std::filesystem::path& run, const std::string& identity);

}  // namespace semiseg
