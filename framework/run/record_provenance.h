// SPDX-License-Identifier: Apache-2.0
// Which program made a run, with which arguments and where: provenance.json.
#pragma once

#include "framework/record/run/run_folder.h"

namespace semiseg {

// kIo when it cannot be written.
void record_provenance(const RunFolder& folder, const std::vector<std::string>& arguments, int ranks);

}  // namespace semiseg
