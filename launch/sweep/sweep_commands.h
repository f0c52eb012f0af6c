// SPDX-License-Identifier: Apache-2.0
// semiseg sweep status | watch | retry | cancel | report DIR, and semiseg sweep measure ARGUMENTS.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "cluster/sweep/states.h"
#include "framework/record/run/lock_file.h"
#include "launch/command_line/compose_flags.h"

namespace semiseg {

// Returns the command of this name; empty for another word.
std::function<int(const Arguments&)> sweep_command(const std::string& name);

// Makes launchers from the overrides of earlier launches.
cluster::MakeLauncher launcher_maker(const ComposeFlags& configuration);

// Makes the folder and takes its lock, so that one process at a time launches. Throws kConfig
// naming the one that does.
LockFile lock_sweep(const std::filesystem::path& sweep);

}  // namespace semiseg
