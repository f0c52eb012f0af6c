// SPDX-License-Identifier: Apache-2.0
// Places on the disk: those that a command names, as they are from any working folder, and the
// folder of a run.
#pragma once

#include <map>
#include <string>

#include "framework/config/compose.h"
#include "framework/config/config.h"
#include "framework/record/run/run_folder.h"

namespace semiseg {

// Returns the text with "~" or "~/" at its beginning as the home folder, which a shell does not
// expand behind an equals sign. Throws kConfig naming `where` when HOME is not set.
std::string with_home(const std::string& text, const std::string& where,
                      const std::map<std::string, std::string>& environment);

// The request with dataset.root, those of the parts of a collection, and plugins absolute, so that
// the run keeps its data whatever the working folder of a later command is, and with_home() of
// these, run.root and run.dir. Loads the plug-ins and adds their checksums. Throws kConfig as
// with_home() and load_plugin() do.
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
