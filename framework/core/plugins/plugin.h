// SPDX-License-Identifier: Apache-2.0
// Plug-ins from outside the tree: shared libraries whose methods, backbones and data sets register
// themselves when they are loaded.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace semiseg {

struct LoadedPlugin {
  std::string path;      // absolute
  std::string checksum;  // xxh3 of the file, 16 hexadecimal digits
};

// Loads the library once for this process; a second call with the same file does nothing. Call it
// before the first look-up in a registry, on every rank. Throws kConfig, before any code of the
// plug-in runs, when the file is missing, is no plug-in, or was built for another version of
// semiseg, compiler or LibTorch; when the dynamic linker refuses it (a missing symbol); and when it
// registers a name that is taken.
LoadedPlugin load_plugin(const std::filesystem::path& path);

// Returns the plug-ins of this process in the order of loading. Not thread-safe: load them first.
const std::vector<LoadedPlugin>& loaded_plugins();

}  // namespace semiseg
