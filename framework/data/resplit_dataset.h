// SPDX-License-Identifier: Apache-2.0
// A data set whose cases have the splits of a setting.
#pragma once

#include <memory>
#include <vector>

#include "framework/data/setting.h"

namespace semiseg {

// Returns `source` with the splits of the setting; its training samples are those still in the
// training split.
std::unique_ptr<DatasetSource> with_splits(std::unique_ptr<DatasetSource> source,
                                           const std::vector<Split>& splits);

}  // namespace semiseg
