// SPDX-License-Identifier: Apache-2.0
// The batches of consecutive steps of one stage, on one rank.
#pragma once

#include "framework/data/batch.h"

namespace semiseg {

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // Returns the batch of the next step. Throws the error that occurred while it was made.
  virtual Batch next() = 0;
};

}  // namespace semiseg
