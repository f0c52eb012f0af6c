// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/comm_options.h"

#include <string>

#include "framework/core/error.h"

namespace semiseg {

CommOptions CommOptions::read(const Config& section) {
  CommOptions o;
  section.read("ranks", o.ranks, {0, 1e6},
               "Number of ranks that the run must have; 0: as many as were started. Set it in a "
               "job script, so that a launcher that starts single processes is noticed.",
               Effect::kNone);
  section.read("ordered", o.ordered,
               "Adds in the order of ranks in float64, so that no bit depends on the algorithm of "
               "the MPI library. Switch it on to compare runs bit by bit; it is slower.",
               Effect::kNone);
  section.read("check", o.check,
               "Compares name and size over ranks before each collective call. Switch it on to "
               "find a rank that calls another one; it is slow.",
               Effect::kNone);
  section.read("deadline", o.deadline, {1, 1e6},
               "Time that a rank waits for the others before the late ones are reported and the "
               "run ends, in seconds. Raise it when a file system stalls for minutes.",
               Effect::kNone);
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
