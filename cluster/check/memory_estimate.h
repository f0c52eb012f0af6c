// SPDX-License-Identifier: Apache-2.0
// Estimates the memory of a training without training.
#pragma once

#include <cstdint>

#include "framework/config/compose.h"
#include "framework/run/world.h"

namespace semiseg::cluster {

// Bytes of one rank.
struct MemoryEstimate {
  double program = 0;      // of this process before anything is made
  double state = 0;        // networks, their gradients and moments, memories of the method
  double activations = 0;  // of the largest step, with the tensors that its backward keeps
  double batches = 0;      // of the loader, made and being made
  double cache = 0;        // decoded samples
  double inference = 0;    // the largest case with its scores

  // Return the bytes of the host, and of the GPU without CUDA's own. Both add a fifth, because the
  // convolutions' scratch memory and gaps between blocks are not counted.
  double host(bool has_gpu) const;
  double gpu() const;
};

// Returns the request with what any processor can make: device=cpu, and a precision of the same size
// in the place of those that only a GPU has, or that the device decides (auto: float32).
ComposeRequest on_processor(ComposeRequest run);

// Makes the experiment with the method's own steps on patches of at most 64² or 32³ voxels, counts
// the bytes that its tensors hold, and scales activations and batches by the voxels of the whole
// patch: they are proportional to them, the rest does not depend on them. The batch is shared out to
// `ranks`. Reads a few samples of the data set. Throws what assemble() throws.
MemoryEstimate estimate_memory(const ComposeRequest& run, World& world, int64_t ranks);

}  // namespace semiseg::cluster
