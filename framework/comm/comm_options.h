// SPDX-License-Identifier: Apache-2.0
// The options of section [comm]: how ranks communicate and how long they wait for each other. They
// do not change the experiment.
#pragma once

#include <cstdint>

#include "framework/config/config.h"

namespace semiseg {

struct CommOptions {
  int64_t ranks = 0;      // number of ranks that the run must have; 0: any
  bool ordered = false;   // sums in float64 and rank order, not by the library's algorithm
  bool check = false;     // checks before each collective that all ranks call the same one
  double deadline = 300;  // seconds in one collective after which the late ranks are reported

  static CommOptions read(const Config& section);

  // Throws kConfig when `ordered` or `check` is on, which ranks with one GPU each do not support.
  void check_for_gpus() const;
};

}  // namespace semiseg
