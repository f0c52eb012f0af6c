// SPDX-License-Identifier: Apache-2.0
// How training runs, whatever the method: section [protocol]. Equal for all methods of a
// comparison.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/nn/optimiser.h"

namespace semiseg {

struct ProtocolOptions {
  int64_t iterations = 30000;                    // of all stages of a method together
  int64_t batch = 24;                            // samples of the global batch
  int64_t labelled_batch = 12;                   // of them with ground truth
  std::vector<int64_t> patch_size = {256, 256};  // pixels a training image is brought to
  OptimiserOptions optimiser;                    // sub-section [protocol.optimiser]
  int64_t validate_every = 200;                  // iterations; 0: never
  int64_t checkpoint_every = 500;                // iterations
  int64_t keep_checkpoints = 2;
  int64_t log_every = 10;  // iterations between rows of metrics.jsonl
  std::string select =
      "val";             // weights that are deployed: best on val, best on test (flagged), last
  int64_t patience = 0;  // validations of a stage without a new best before it ends; 0: never
  std::string precision = "float32";  // or float64, to prove exactness

  static ProtocolOptions read(const Config& section);
};

}  // namespace semiseg
