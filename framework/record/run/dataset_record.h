// SPDX-License-Identifier: Apache-2.0
// dataset.json of a run folder: what its data set says of itself, so that a run predicts scans
// where the data set is not there (any more).
#pragma once

#include <filesystem>
#include <optional>

#include "framework/data/dataset.h"

namespace semiseg {

// Atomic. kIo on failure.
void write_dataset_record(const std::filesystem::path& run, const DatasetInfo& info);

// None for a folder of a version that did not write it. kData when it cannot be understood.
std::optional<DatasetInfo> read_dataset_record(const std::filesystem::path& run);

}  // namespace semiseg
