// SPDX-License-Identifier: Apache-2.0
// Writes provenance.json: the program that made a run, its arguments and its machine.
#pragma once

#include "framework/record/run/run_folder.h"

namespace semiseg {

// Throws kIo when it cannot be written.
void record_provenance(const RunFolder& folder, const std::vector<std::string>& arguments,
                       int ranks);

}  // namespace semiseg
