// SPDX-License-Identifier: Apache-2.0
#include "framework/train/protocol.h"

namespace semiseg {

ReductionOptions ReductionOptions::read(const Config& section) {
  ReductionOptions o;
  section.read(
      "bucket_mb", o.bucket_mb, {0.001, 1024},
      "Size of the messages in which gradients travel between ranks, in MiB. Raise it on a network "
      "with high latency; smaller messages overlap better with the backward pass.",
      Effect::kNone);
  section.read("compression", o.compression, {"none", "bfloat16"},
               "Type in which gradients are all-reduced: their own (none), or bfloat16, which "
               "halves the bytes of float32 with a relative error of a sum over R ranks up to "
               "R/256. Take bfloat16 only where the network is the bottleneck.");
  return o;
}

ProtocolOptions ProtocolOptions::read(const Config& section) {
  ProtocolOptions o;
  section.read("iterations", o.iterations, {1, 1e9},
               "Number of training steps, all stages together. Schedules and ramps are fractions "
               "of it, so a shorter training keeps their shape.");
  section.read("batch", o.batch, {1, 65536},
               "Number of samples in the global batch, whatever the number of ranks. Lower it when "
               "memory is short on one rank; otherwise keep that of the published run.");
  section.read("labelled_batch", o.labelled_batch, {1, 65536},
               "Number of samples in the batch that have ground truth. Methods that mix pairs need "
               "half of the batch.");
  section.read(
      "patch_size", o.patch_size, {1, 4096},
      "Size that the network trains on, in pixels: [height, width] of slices, which are resized to "
      "it, or [depth, height, width] of crops from volumes, in the order of their axes. Change it "
      "together with the data set; the backbone says which sizes it takes.");
  section.read("validate_every", o.validate_every, {0, 1e9},
               "Number of iterations between two validations; 0: never. Raise it when validation "
               "takes a large share of the time; the best weights are then chosen among fewer.");
  section.read("checkpoint_every", o.checkpoint_every, {1, 1e9},
               "Number of iterations between two checkpoints. Lower it when jobs are killed "
               "without warning, raise it when writing is slow.",
               Effect::kNone);
  section.read(
      "keep_checkpoints", o.keep_checkpoints, {1, 1000},
      "Number of newest checkpoints that stay on disk. Raise it to look at earlier weights.",
      Effect::kNone);
  section.read(
      "log_every", o.log_every, {1, 1e9},
      "Number of iterations between two rows of metrics.jsonl. Lower it to see single steps.",
      Effect::kNone);
  section.read("select", o.select, {"val", "last", "test"},
               "Weights that are deployed: those with the best Dice on the validation split (val), "
               "the last ones (last), or those with the best Dice on the test split (test). Take "
               "test only to repeat published numbers; every table flags it.");
  section.read("patience", o.patience, {0, 1e9},
               "Number of validations without a new best after which a stage ends; 0: it never "
               "ends early. Set it to save time, not in a comparison at equal length.");
  section.read("patience_epochs", o.patience_epochs, {0, 1e9},
               "Number of epochs without a new best after which a validation ends the stage; 0: it "
               "never ends early. An epoch is as many iterations as draw the pool that lasts "
               "longest once. Set it to repeat published runs that stop by epochs.");
  section.read("precision", o.precision,
               {"float32", "float64", "tf32", "bfloat16", "float16", "auto"},
               "Arithmetic of the networks: float32; float64 to prove exactness; tf32 and float16 "
               "on a GPU only; bfloat16; auto: the fastest of the device, or the one that the run "
               "to be resumed has. Change it for speed, and compare only runs of one precision.");
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
