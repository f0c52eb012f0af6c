// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/networks/mean_teacher_streams.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

namespace semiseg {

NetworkOutput teach_with_noise(Backbone& teacher, const TeacherNoise& noise,
                               const Stream& unlabelled, const Step& step) {
  const at::NoGradGuard no_grad;
  const at::Tensor noisy =
      noise.added(unlabelled.image(), "teacher_noise", unlabelled.samples, step);
  return teacher.forward(noisy, step.train_pass("teacher", unlabelled.samples));
}

Streams mean_teacher_streams(const Batch& batch, const NetworkOutput& all,
                             const NetworkOutput& target, const at::Tensor& q) {
  const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
  const int64_t b = labelled.size();
  Streams streams;
  streams.labelled = [=]() -> std::vector<ClassPixels> {
    return {
        {all.logits.slice(0, 0, b), all.features.slice(0, 0, b), labelled.label, labelled.samples}};
  };
  streams.unlabelled = [=]() -> std::vector<ClassPixels> {
    return {{all.logits.slice(0, b), all.features.slice(0, b), q.argmax(1), unlabelled.samples}};
  };
  streams.teacher_unlabelled = [=]() -> std::vector<ClassPixels> {
    return {{target.logits, target.features, q.argmax(1), unlabelled.samples}};
  };
  return streams;
}

}  // namespace semiseg
