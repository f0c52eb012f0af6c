// SPDX-License-Identifier: Apache-2.0
// dataset.json of a run folder: the properties of its data set, so that a run can predict scans
// without the data set.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/data/dataset.h"

namespace semiseg {

struct DatasetRecord {
  DatasetInfo info;
  std::vector<std::string> domains = {""};  // as domains_of() numbers them
};

// Writes atomically. Throws kIo on failure.
void write_dataset_record(const std::filesystem::path& run, const DatasetRecord& record);

// Returns nullopt for a folder of a version that did not write it. Throws kData when it cannot be
// parsed.
std::optional<DatasetRecord> read_dataset_record(const std::filesystem::path& run);

}  // namespace semiseg
