// SPDX-License-Identifier: Apache-2.0
// Places on the disk: those that a command names, as they are from any working folder, and the
// folder of a run.
#pragma once

#include <string>

#include "framework/config/compose.h"
#include "framework/config/config.h"
#include "framework/record/run/run_folder.h"

namespace semiseg {

// The request with dataset.root and plugins absolute, so that the run keeps its data whatever the
// working folder of a later command is, and with ~/ in these, run.root and run.dir as the home
// folder, which a shell does not expand behind an equals sign. Loads the plug-ins and adds their
// checksums. Throws kConfig for ~ where HOME is not set and for what load_plugin() refuses.
ComposeRequest with_whole_places(ComposeRequest request);

// The place of run folders: keys root and dir of section [run].
struct FolderOptions {
  std::string root = "runs", directory;

  static FolderOptions read(const Config& run);
};

// Returns the request from the section [run], the names of method and data set, and the batch job
// that this process is part of, and reads all other options, so that the configuration knows which
// of them make another run. Throws kConfig when one of the names is missing or an option is wrong.
RunFolderRequest folder_request(const Config& config);
// The same for many requests of one search path.
ComposeRequest with_whole_places(ComposeRequest request, Composer& composer);

// Returns the text in quotes, as the value of an override.
std::string quoted_value(const std::string& text);

}  // namespace semiseg
