// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa_options.h"

#include <algorithm>

namespace semiseg {
namespace {

void read_offset(const Config& section, TsaOptions& o) {
  std::string aug = "both", lambda = "linear", gradient = "on";
  section.read("lambda0", o.lambda.strength, {0, 1000},
               "strength of the augmentation at the end of its ramp");
  section.read("lambda", lambda, {"linear", "constant"},
               "λ grows with t/T, or is λ0 from the start");
  section.read("aug", aug, {"both", "mean_only", "cov_only", "off"},
               "statistics that the augmentation uses: mean shift, covariance");
  section.read("n_min", o.offset.min_count, {-1, 1e12},
               "pixels a class needs in both memories; -1: 10 A");
  section.read("table_grad", gradient, {"on", "off"},
               "whether the table passes gradient to the classifier");
  o.lambda.ramp = lambda == "linear";
  o.offset.table_gradient = gradient == "on";
  o.offset.augmentation = aug == "both"        ? Augmentation::kBoth
                          : aug == "mean_only" ? Augmentation::kMeanOnly
                          : aug == "cov_only"  ? Augmentation::kCovarianceOnly
                                               : Augmentation::kOff;
}

void read_memory(const Config& section, TsaOptions& o) {
  MemoryOptions& m = o.memory.memory;
  std::string kind = "forget", cov = "full", sync = "sync", order = "allreduce";
  section.read("memory", kind, {"cumulative", "forget", "batch_only", "frozen_after"},
               "how old batches fade");
  section.read("forgetting", m.forgetting, {1e-6, 1},
               "γ: what a batch still weighs after the next one");
  section.read("frozen_after", m.frozen_after, {0, 1e9},
               "batches after which a frozen memory stays");
  section.read("cov", cov, {"full", "diag", "isotropic"}, "shape of the covariance");
  section.read("sync", sync, {"sync", "lagged"},
               "the loss sees statistics with, or before, this step's batch");
  section.read(
      "sum_order", order, {"allreduce", "ordered", "per_sample"},
      "how sums of ranks are added: in one reduction; rank by rank; sample by sample, with "
      "the same bits on any number of ranks");
  section.read("every", o.memory.every, {1, 1e6}, "steps between two merges of the memory");
  section.read("checksum_every", o.memory.checksum_every, {0, 1e9},
               "iterations between two checks that all ranks hold the same memory; 0: never");
  m.kind = kind == "cumulative"   ? MemoryOptions::Kind::kCumulative
           : kind == "forget"     ? MemoryOptions::Kind::kForget
           : kind == "batch_only" ? MemoryOptions::Kind::kBatchOnly
                                  : MemoryOptions::Kind::kFrozenAfter;
  m.covariance = cov == "full"   ? CovarianceKind::kFull
                 : cov == "diag" ? CovarianceKind::kDiagonal
                                 : CovarianceKind::kIsotropic;
  o.memory.lagged = sync == "lagged";
  o.memory.order = order == "ordered"      ? SumOrder::kOrdered
                   : order == "per_sample" ? SumOrder::kPerSample
                                           : SumOrder::kAllReduce;
}

}  // namespace

TsaOptions TsaOptions::read(const Config& section) {
  TsaOptions o;
  section.read("beta", o.beta, {0, 1000}, "weight of the TSA loss on labelled pixels (mode add)");
  section.read("beta_unlabelled", o.beta_unlabelled, {0, 1000},
               "weight of the TSA losses on unlabelled pixels");
  section.read("unlabelled_rampup", o.unlabelled_rampup, {0, 1e6},
               "their weight grows over this fraction of the training");
  section.read("directions", o.directions,
               "streams that are moved: s2t (labelled), t2s and u2s (unlabelled pixels)");
  section.read("mode", o.mode, {"add", "replace"},
               "TSA beside the base's cross entropy, or in its place");
  section.read("space", o.space, {"feature", "logit"},
               "space of the class statistics: input or output of the last layer");
  section.read("head_mode", o.head_mode, {"tap_sum", "conv1x1", "im2col"},
               "how a head with several taps is read");
  section.read("stats_net", o.stats_net, {"own", "teacher"}, "who measures the student's stream");
  section.read("confidence", o.confidence, {0, 1}, "teacher pixels below it are left out; 0: off");
  read_offset(section, o);
  read_memory(section, o);
  for (const auto& direction : o.directions) {
    if (direction != "s2t" && direction != "t2s" && direction != "u2s") {
      section.fail("directions", "unknown direction '" + direction + "'",
                   "a list of s2t, t2s, u2s");
    }
  }
  if (o.mode == "replace" && !o.uses("s2t")) {
    section.fail("mode", "nothing to put in place of the base's cross entropy",
                 "directions with s2t, or mode = add");
  }
  return o;
}

bool TsaOptions::uses(const std::string& direction) const {
  return std::find(directions.begin(), directions.end(), direction) != directions.end();
}

}  // namespace semiseg
