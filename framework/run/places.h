// SPDX-License-Identifier: Apache-2.0
// Places on the disk that a command names, as they are from any working folder.
#pragma once

#include "framework/config/compose.h"

namespace semiseg {

// The request with dataset.root and plugins absolute, so that the run keeps its data whatever the
// working folder of a later command is, and with ~/ in these, run.root and run.dir as the home
// folder, which a shell does not expand behind an equals sign. Loads the plug-ins and adds their
// checksums. Throws kConfig for ~ where HOME is not set and for what load_plugin() refuses.
ComposeRequest with_whole_places(ComposeRequest request);

}  // namespace semiseg
