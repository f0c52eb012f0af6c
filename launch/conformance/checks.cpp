// SPDX-License-Identifier: Apache-2.0
#include "launch/conformance/checks.h"

#include <exception>

namespace semiseg {

const std::vector<Check>& conformance_checks() {
  static const std::vector<Check> checks = {
      {"options", "lists the options that it reads when it is made", check_options},
      {"plan", "plans stages that fill the batch and the training", check_plan},
      {"records", "records finite losses and a rate for each update", check_records},
      {"not_finite", "stops at a loss that is not finite, and names it",
       check_loss_that_is_not_finite},
      {"ignored_voxels", "trains on cases with voxels that have no class", check_ignored_voxels},
      {"bfloat16", "trains with activations in bfloat16", check_bfloat16},
      {"same_seed", "gives the same bits for the same seed", check_same_seed},
      {"other_seed", "gives other weights for another seed", check_other_seed},
      {"resume", "goes on from its state as if it had never stopped", check_resume},
      {"prediction", "predicts logits of every class without touching its state", check_prediction},
      {"unlabelled", "teaches the deployed network with unlabelled images",
       check_unlabelled_images},
      {"leaks", "never reads a label outside the labelled patients", check_leaks},
      {"ranks", "computes on two and three ranks what it does on one", check_ranks},
      {"trainer", "trains all stages in the trainer and resumes there", check_trainer},
  };
  return checks;
}

Findings findings_of(const Check& check, const MethodOnImages& method) {
  try {
    return check.run(method);
  } catch (const std::exception& error) {
    return {error.what()};
  }
}

}  // namespace semiseg
