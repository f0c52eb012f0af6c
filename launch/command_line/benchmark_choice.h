// SPDX-License-Identifier: Apache-2.0
// The argument +benchmark=NAME of a sweep: the runs of a file of experiments/benchmark/.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/config/compose.h"

namespace semiseg {

// Finds benchmark/NAME.toml in the folders with experiment files; `where` is what names it on the
// command line. Throws kConfig with the names that there are.
std::filesystem::path benchmark_file(const std::string& name,
                                     const std::vector<std::filesystem::path>& folders,
                                     const std::string& where);

// Replaces +benchmark=NAME among the overrides by the sweep over its data set, methods, labels,
// draws and seeds, and its settings. A key that the command sets itself stays as it is set there.
// Without it the request is returned as it is. Throws kConfig for an unknown name, for two
// benchmarks, and as read_benchmark() does.
ComposeRequest with_benchmark(ComposeRequest request);

}  // namespace semiseg
