// SPDX-License-Identifier: Apache-2.0
// dataset.json of a run folder: the properties of its data set, so that a run can predict scans
// without the data set.
#pragma once

#include <filesystem>
#include <optional>

#include "framework/data/dataset.h"

namespace semiseg {

// Writes atomically. Throws kIo on failure.
void write_dataset_record(const std::filesystem::path& run, const DatasetInfo& info);

// Returns nullopt for a folder of a version that did not write it. Throws kData when it cannot be
// parsed.
std::optional<DatasetInfo> read_dataset_record(const std::filesystem::path& run);

}  // namespace semiseg
