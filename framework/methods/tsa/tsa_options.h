// SPDX-License-Identifier: Apache-2.0
// All options of TSA, with their defaults and the source of each default. Section [method] of
// transmedseg.
#pragma once

#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/methods/tsa/offset_table.h"
#include "framework/methods/tsa/tsa_memory.h"

namespace semiseg {

struct TsaOptions {
  double beta = 0.5;  // weight of the loss on labelled pixels; not published, to be tuned
  double beta_unlabelled = 0.1;  // weight of the losses on unlabelled pixels, times ω(t)
  double unlabelled_rampup = 1;  // length of ω's ramp as a fraction of the stage
  // The directions in which the loss shifts features: s2t student → teacher (labelled pixels), t2s
  // teacher → student (trains the head only), u2s student's unlabelled → labelled (both on
  // pseudo-labels), d2d student in each domain → teacher in all others (labelled pixels).
  std::vector<std::string> directions = {"s2t"};
  std::string mode =
      "add";  // replace: TSA's loss stands in the base's cross entropy on labelled pixels
  std::string space =
      "feature";  // logit: statistics of logits, any head exactly, no gradient to it
  std::string head_mode =
      "tap_sum";  // conv1x1: the backbone's head is one; im2col: exact, A features a tap
  std::string stats_net =
      "own";  // teacher: the student's stream is measured with the teacher on unmixed images
  bool domain_statistics = false;  // statistics of each domain apart
  double confidence = 0;           // teacher pixels below it are left out of its stream; 0: off
  LambdaSchedule lambda;
  OffsetOptions offset;
  TsaMemoryOptions memory;

  static TsaOptions read(const Config& section);
  bool uses(const std::string& direction) const;
  TsaMemoryOptions memory_of(int64_t domains) const;
};

}  // namespace semiseg
