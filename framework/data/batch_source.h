// SPDX-License-Identifier: Apache-2.0
// The batches of consecutive steps of one stage, on one rank.
#pragma once

#include "framework/data/batch.h"

namespace semiseg {

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // The batch of the next step. Throws what went wrong while it was made.
  virtual Batch next() = 0;
};

}  // namespace semiseg
