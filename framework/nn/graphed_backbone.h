// SPDX-License-Identifier: Apache-2.0
// A network whose evaluation passes on a GPU are recorded once for each shape (a CUDA graph) and
// then replayed as a whole: the host launches one graph instead of some hundred kernels. Training
// passes are not recorded, because the host passes different random keys in each step.
#pragma once

#include <memory>

#include "framework/nn/backbone.h"

namespace semiseg {

// The same kernels run, so the outputs should have the bits of the network's own (gpu_test compares
// them); they are copies, which later passes do not overwrite. Parameters may change between
// passes, in place. Returns the network itself when images are on the CPU or this build has no
// CUDA.
std::unique_ptr<Backbone> with_graphs(std::unique_ptr<Backbone> network, at::Device device);

}  // namespace semiseg
