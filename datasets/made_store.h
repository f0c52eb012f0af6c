// SPDX-License-Identifier: Apache-2.0
// Case stores that the program makes itself: each is made once, kept in a cache, and found again by
// its recipe. Several processes may ask for the same one at once.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <string>

#include "framework/config/config.h"

namespace semiseg {

// Reads the option `root` of a generated data set: the folder for generated data; empty:
// $SEMISEG_CACHE, or semiseg/ in the user's cache.
void read_root(const Config& config, std::string& root);

// Returns the folder <root>/<name>-<hash of recipe>. Where it is absent, `make` fills an empty
// folder, which is then renamed: the first of several makers wins and the others take its store.
// `recipe` is everything that decides the voxels. Throws kIo with the folder when it cannot be
// written; what `make` throws leaves nothing behind.
std::filesystem::path made_store(const std::string& root, const std::string& name,
                                 const std::string& recipe,
                                 const std::function<void(const std::filesystem::path&)>& make);

// Returns the image, min-max normalised to [0, 1] over the whole image.
at::Tensor normalised(const at::Tensor& image);

}  // namespace semiseg
