// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/comm_options.h"

#include <string>

#include "framework/core/error.h"

namespace semiseg {

CommOptions CommOptions::read(const Config& section) {
  CommOptions o;
  section.read("ranks", o.ranks, {0, 1e6}, "ranks that the run must have; 0: as started");
  section.read("ordered", o.ordered,
               "add in rank order in float64, so that no bit depends on the library's algorithm");
  section.read(
      "check", o.check,
      "before each collective, compare its name and size over ranks (slow; to find a bug)");
  section.read("deadline", o.deadline, {1, 1e6},
               "seconds that a rank waits for others before the late ones are reported");
  return o;
}

void CommOptions::check_for_gpus() const {
  if (!ordered && !check) return;
  const std::string key = ordered ? "comm.ordered" : "comm.check";
  throw Error(ErrorKind::kConfig, {.what = key + " is not supported for ranks with a GPU each",
                                   .where = key,
                                   .expected = "false",
                                   .got = "true",
                                   .fix = "leave it out, or set device=cpu"});
}

}  // namespace semiseg
