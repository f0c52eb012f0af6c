// SPDX-License-Identifier: Apache-2.0
// Makes the request for the folder of a run.
#pragma once

#include <string>

#include "framework/config/config.h"
#include "framework/record/run/run_folder.h"

namespace semiseg {

// The place of run folders: keys root and dir of section [run].
struct FolderOptions {
  std::string root = "runs", directory;

  static FolderOptions read(const Config& run);
};

// Returns the request from the section [run], the names of method and data set, and the batch job
// that this process is part of, and reads all other options, so that the configuration knows which
// of them make another run. Throws kConfig when one of the names is missing or an option is wrong.
RunFolderRequest folder_request(const Config& config);

}  // namespace semiseg
