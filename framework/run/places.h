// SPDX-License-Identifier: Apache-2.0
// Makes the paths that a command names independent of the working folder.
#pragma once

#include "framework/config/compose.h"

namespace semiseg {

// Returns the request with dataset.root absolute, so that the run keeps its data whatever the
// working folder of a later command is, and with ~/ in run.root, run.dir and dataset.root as the
// home folder, which a shell does not expand behind an equals sign. Throws kConfig for ~ where HOME
// is not set.
ComposeRequest with_whole_places(ComposeRequest request);

}  // namespace semiseg
