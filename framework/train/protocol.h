// SPDX-License-Identifier: Apache-2.0
// The options of section [protocol]: training, independent of the method. Equal for all methods of
// a comparison.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/nn/optimiser.h"

namespace semiseg {

// The options of sub-section [protocol.reduction]: how gradients are summed over ranks. No effect
// on one rank.
struct ReductionOptions {
  double bucket_mb = 4;  // 2^20 bytes of gradients in a message, about
  // none: sums in the gradients' own dtype. bfloat16: half the bytes of float32; each rank's
  // gradient g_r is rounded once and a sum over R ranks at most R - 1 times, so that an element is
  // off by at most ((1 + 2^-8)^R - 1) · Σ_r |g_r|, about R / 256 of its magnitude when ranks agree
  // in sign.
  std::string compression = "none";

  static ReductionOptions read(const Config& section);
};

struct ProtocolOptions {
  int64_t iterations = 30000;                    // sum over all stages of a method
  int64_t batch = 24;                            // samples of the global batch
  int64_t labelled_batch = 12;                   // samples of it with ground truth
  std::vector<int64_t> patch_size = {256, 256};  // two sizes: slices; three: volumes
  OptimiserOptions optimiser;                    // sub-section [protocol.optimiser]
  ReductionOptions reduction;                    // sub-section [protocol.reduction]
  int64_t validate_every = 200;                  // iterations; 0: never
  int64_t checkpoint_every = 500;                // iterations
  int64_t keep_checkpoints = 2;
  int64_t log_every = 10;  // iterations between rows of metrics.jsonl
  std::string select =
      "val";             // weights that are deployed: best on val, best on test (flagged), last
  int64_t patience = 0;  // validations of a stage without a new best before it ends; 0: never
  int64_t patience_epochs = 0;  // the same, in epochs
  // float32; float64, to prove exactness; tf32, on a GPU only (products of convolutions with 10
  // bits); bfloat16 (activations of networks; losses and weights in float32); float16, the same on
  // a GPU only, with a loss scale. `train` puts the fastest of the device in the place of auto
  // before anything reads it.
  std::string precision = "float32";

  static ProtocolOptions read(const Config& section);
};

}  // namespace semiseg
