// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/record_provenance.h"

#include "framework/core/process.h"
#include "framework/record/run/provenance.h"

namespace semiseg {

void record_provenance(const RunFolder& folder, const std::vector<std::string>& arguments,
                       int ranks) {
  write_provenance(folder / "provenance.json", {.version = SEMISEG_VERSION,
                                                .git_revision = SEMISEG_REVISION,
                                                .command_line = arguments,
                                                .environment = environment(),
                                                .ranks = ranks,
                                                .now = now_seconds()});
}

}  // namespace semiseg
