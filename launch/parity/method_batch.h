// SPDX-License-Identifier: Apache-2.0
// The batches and the random numbers of a parity case of kind `method`, as a method receives them.
#pragma once

#include <map>
#include <string>

#include "framework/data/batch.h"
#include "launch/parity/parity_case.h"

namespace semiseg {

// Returns the batch of step i. Streams: labelled, unlabelled, and mix where the case has images to
// mix in. Views: weak; strong and strong2 (image_strong.2); second_crop (image_shifted). Ids count
// from 0 over all streams.
Batch batch_of(const ParityCase& parity, int64_t i, at::ScalarType dtype);

// Returns the draws of step i under the names that methods ask for: recorded numbers whose rows are
// not samples are split, and those drawn once, before the first step, are there in each.
std::map<std::string, at::Tensor> draws_of(const ParityCase& parity, int64_t i);

}  // namespace semiseg
