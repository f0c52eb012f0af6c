// SPDX-License-Identifier: Apache-2.0
// The forward passes that mean teacher and its kin share: the student sees labelled and unlabelled
// images in one pass, the teacher unlabelled ones with noise.
#pragma once

#include "framework/methods/parts/networks/teacher_noise.h"
#include "framework/methods/parts/networks/teacher_student.h"

namespace semiseg {

// Returns the teacher's output on the unlabelled images with noise, in training mode, without
// gradient. Collective, because of batch norms.
NetworkOutput teach_with_noise(Backbone& teacher, const TeacherNoise& noise,
                               const Stream& unlabelled, const Step& step);

// Returns the streams of an add-on. `all`: the student on labelled, then unlabelled images; `target`:
// the teacher on the unlabelled ones; q [U,K,S]: its probabilities, whose argmax is the pseudo-label.
Streams mean_teacher_streams(const Batch& batch, const NetworkOutput& all,
                             const NetworkOutput& target, const at::Tensor& q);

}  // namespace semiseg
