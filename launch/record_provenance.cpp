// SPDX-License-Identifier: Apache-2.0
#include "launch/record_provenance.h"

#include "framework/record/provenance.h"
#include "launch/command_line.h"

namespace semiseg {

void record_provenance(const RunFolder& folder, const Arguments& arguments, int ranks) {
  write_provenance(folder / "provenance.json", {.version = SEMISEG_VERSION,
                                                .git_revision = SEMISEG_REVISION,
                                                .command_line = arguments,
                                                .environment = environment(),
                                                .ranks = ranks,
                                                .now = now_seconds()});
}

}  // namespace semiseg
