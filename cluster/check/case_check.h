// SPDX-License-Identifier: Apache-2.0
// Looks at every case of a run's data set before training does.
#pragma once

#include "framework/run/run_data.h"

namespace semiseg::cluster {

// Opens the file of every case that selects or tests: of a case store its header, of other data sets
// the whole case, with its checks. Training cases were opened when the samples were listed. Throws
// kData naming the first case that cannot be read, that is labelled without ground truth, or that
// is measured without it.
void check_every_case(const RunData& data);

}  // namespace semiseg::cluster
