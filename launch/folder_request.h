// SPDX-License-Identifier: Apache-2.0
// How the folder of a run is asked for.
#pragma once

#include "framework/config/config.h"
#include "framework/record/run_folder.h"

namespace semiseg {

// From the section [run], the names of method and data set, and the batch job that this process is
// part of. kConfig when one of the names is missing.
RunFolderRequest folder_request(const Config& config);

}  // namespace semiseg
