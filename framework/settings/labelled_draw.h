// SPDX-License-Identifier: Apache-2.0
// Other choices of the labelled patients than the first ones of the published order, to see how
// much a result depends on who is labelled.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/data/dataset.h"

namespace semiseg {

// Returns the samples in the order of the draw: patients are shuffled within their domain by named
// numbers, and the domains interleaved by their sizes, so that the first n patients are of all
// domains as the whole is. The samples of a patient stay together, in their order. Draw 0 is the
// published order. Depends on the draw alone, not on the seed of a run.
std::vector<SampleInfo> drawn_order(std::vector<SampleInfo> samples,
                                    const std::vector<CaseInfo>& cases, int64_t draw);

}  // namespace semiseg
