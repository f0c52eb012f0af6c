// SPDX-License-Identifier: Apache-2.0
#include "framework/train/protocol.h"

namespace semiseg {

ReductionOptions ReductionOptions::read(const Config& section) {
  ReductionOptions o;
  section.read("bucket_mb", o.bucket_mb, {0.001, 1024},
               "megabytes of gradients that travel between ranks in one message");
  section.read(
      "compression", o.compression, {"none", "bfloat16"},
      "type in which gradients are all-reduced: their own, or bfloat16: half of float32's bytes, "
      "relative error of a sum over R ranks up to R / 256");
  return o;
}

ProtocolOptions ProtocolOptions::read(const Config& section) {
  ProtocolOptions o;
  section.read("iterations", o.iterations, {1, 1e9}, "length of the training, all stages together");
  section.read("batch", o.batch, {1, 65536},
               "samples of the global batch, whatever the number of ranks");
  section.read("labelled_batch", o.labelled_batch, {1, 65536},
               "samples of the batch that have ground truth");
  section.read(
      "patch_size", o.patch_size, {1, 4096},
      "pixels of what the network trains on: [height, width] of slices, which are brought to "
      "this size, or [depth, height, width] cut from volumes, in the order of their axes");
  section.read("validate_every", o.validate_every, {0, 1e9},
               "iterations between validations; 0: never");
  section.read("checkpoint_every", o.checkpoint_every, {1, 1e9}, "iterations between checkpoints");
  section.read("keep_checkpoints", o.keep_checkpoints, {1, 1000}, "newest checkpoints that stay");
  section.read("log_every", o.log_every, {1, 1e9}, "iterations between rows of metrics.jsonl");
  section.read(
      "select", o.select, {"val", "last", "test"},
      "weights that are deployed: best on val, last, or best on test (every table flags it)");
  section.read("patience", o.patience, {0, 1e9},
               "validations without a new best before a stage ends; 0: never");
  section.read(
      "precision", o.precision, {"float32", "float64", "tf32", "bfloat16", "float16", "auto"},
      "arithmetic of networks; auto: the fastest that the device has instructions for, or what "
      "the run was begun in");
  o.optimiser = OptimiserOptions::read(section.section("optimiser"), o.optimiser);
  o.reduction = ReductionOptions::read(section.section("reduction"));
  if (o.labelled_batch > o.batch) {
    section.fail("labelled_batch", "more labelled samples than the batch holds",
                 "at most protocol.batch = " + std::to_string(o.batch));
  }
  if (o.patch_size.size() != 2 && o.patch_size.size() != 3) {
    section.fail("patch_size", "a patch has neither two nor three sizes",
                 "[height, width] of slices, or [depth, height, width] of volumes");
  }
  return o;
}

}  // namespace semiseg
