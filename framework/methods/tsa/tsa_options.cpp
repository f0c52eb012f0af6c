// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/tsa_options.h"

#include <algorithm>

namespace semiseg {
namespace {

void read_offset(const Config& section, TsaOptions& o) {
  std::string aug = "both", lambda = "linear", gradient = "on";
  section.read("lambda0", o.lambda.strength, {0, 1000},
               "Strength λ0 of the augmentation at the end of its ramp; 0: none. Tune it "
               "on the validation split: published values are 0.25 to 7.5, depending on the task.");
  section.read("lambda", lambda, {"linear", "constant"},
               "Course of the strength: λ0 · t/T (linear), or λ0 from the start (constant). Keep "
               "linear while early statistics are poor.");
  section.read("aug", aug, {"both", "mean_only", "cov_only", "off"},
               "Statistics that the augmentation uses: mean shift and covariance (both), one of "
               "them (mean_only, cov_only), or none (off). Change it for ablations.");
  section.read("n_min", o.offset.min_count, {-1, 1e12},
               "Number of pixels that a class needs in both memories before it is augmented; -1: "
               "ten times the number of features. Raise it when rare classes become unstable.");
  section.read("table_grad", gradient, {"on", "off"},
               "Passes the gradient of the offset table to the classifier (on), or takes the table "
               "as a constant (off). Change it for ablations.");
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
               "Weight of old batches in the class statistics: all alike (cumulative), falling "
               "with forgetting (forget), none (batch_only), or fixed after frozen_after batches "
               "(frozen_after).");
  section.read("forgetting", m.forgetting, {1e-6, 1},
               "Factor γ of a batch's weight with each later batch, for memory = forget. The "
               "half-life of 0.999 is 693 batches; lower it when features change quickly.");
  section.read(
      "frozen_after", m.frozen_after, {0, 1e9},
      "Number of batches after which the statistics stay fixed, for memory = frozen_after.");
  section.read("cov", cov, {"full", "diag", "isotropic"},
               "Shape of the class covariances: full, diagonal (diag), or a multiple of the "
               "identity (isotropic). Take diag when features are many and pixels few.");
  section.read(
      "sync", sync, {"sync", "lagged"},
      "Statistics that the loss sees: those with this step's batch (sync), or those before it "
      "(lagged), whose all-reduce overlaps with the backward pass. Take lagged on many ranks.");
  section.read("sum_order", order, {"allreduce", "ordered", "per_sample"},
               "Order in which sums of ranks are added: one all-reduce (allreduce), by rank "
               "(ordered), or by sample (per_sample), which gives the same bits on any number of "
               "ranks. The last two send more bytes.");
  section.read("every", o.memory.every, {1, 1e6},
               "Number of steps between two merges of the memory over ranks. Raise it to send "
               "fewer messages; statistics are then older.");
  section.read("checksum_every", o.memory.checksum_every, {0, 1e9},
               "Number of iterations between two checks that all ranks hold the same memory; 0: "
               "never. Lower it to find a fault of the network.",
               Effect::kNone);
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
  section.read("beta", o.beta, {0, 1000},
               "Weight of the TSA loss on labelled pixels, for mode = add. Tune it on the "
               "validation split.");
  section.read("beta_unlabelled", o.beta_unlabelled, {0, 1000},
               "Weight of the TSA losses on unlabelled pixels at the end of their ramp. Lower it "
               "when pseudo-labels are poor.");
  section.read("unlabelled_rampup", o.unlabelled_rampup, {0, 1e6},
               "Length of the ramp of that weight as a fraction of the stage.");
  section.read(
      "directions", o.directions,
      "Streams whose features are augmented towards another: s2t student to teacher "
      "(labelled pixels), t2s teacher to student, u2s student's unlabelled to labelled "
      "pixels, d2d student in each domain to teacher in all others (labelled pixels; needs "
      "domain_statistics). Take d2d when domains differ, add t2s or u2s for ablations.");
  section.read("mode", o.mode, {"add", "replace"},
               "Adds the TSA loss to the cross entropy of the base (add), or puts it in its place "
               "(replace).");
  section.read("space", o.space, {"feature", "logit"},
               "Space of the class statistics: the input of the last layer (feature), or its "
               "output (logit), where any head is exact and the table is small.");
  section.read("head_mode", o.head_mode, {"tap_sum", "conv1x1", "im2col"},
               "Treatment of a last layer with several taps: their sum (tap_sum), exact with one "
               "feature for each tap (im2col), or none, where the head has one tap (conv1x1). "
               "im2col needs much memory.");
  section.read("stats_net", o.stats_net, {"own", "teacher"},
               "Network that measures the features of the student's stream: the student (own), or "
               "the teacher on unmixed images (teacher).");
  section.read("domain_statistics", o.domain_statistics,
               "Keeps the class statistics of each domain apart, for the direction d2d and for the "
               "Fréchet distances between domains in the rows of validations; the other directions "
               "take them together. Turn it on when scans come from several domains; the message "
               "grows with their number.");
  section.read("confidence", o.confidence, {0, 1},
               "Least probability of a pseudo-label whose pixel enters the statistics of the "
               "teacher; 0: all do. Raise it when pseudo-labels are poor.");
  read_offset(section, o);
  read_memory(section, o);
  for (const auto& direction : o.directions) {
    if (direction != "s2t" && direction != "t2s" && direction != "u2s" && direction != "d2d") {
      section.fail("directions", "unknown direction '" + direction + "'",
                   "a list of s2t, t2s, u2s, d2d");
    }
  }
  if (o.uses("d2d") && !o.domain_statistics) {
    section.fail("directions", "d2d shifts between domains, whose statistics are not kept apart",
                 "domain_statistics = true, or directions without d2d",
                 "method.domain_statistics=true");
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

TsaMemoryOptions TsaOptions::memory_of(int64_t domains) const {
  TsaMemoryOptions options = memory;
  options.domains = domains;
  return options;
}

}  // namespace semiseg
