// SPDX-License-Identifier: Apache-2.0
// How ranks talk and how long they wait for each other: section [comm]. None of it makes another
// experiment.
#pragma once

#include <cstdint>

#include "framework/config/config.h"

namespace semiseg {

struct CommOptions {
  int64_t ranks = 0;      // that the run must have; 0: as many as were started
  bool ordered = false;   // sums in rank order and float64, whatever the library's algorithm
  bool check = false;     // before each collective: do all ranks call the same one?
  double deadline = 300;  // seconds in one collective after which the late ranks are reported

  static CommOptions read(const Config& section);

  // kConfig when something is asked for that ranks with a GPU each do not do: `ordered`, `check`.
  void check_for_gpus() const;
};

}  // namespace semiseg
