// SPDX-License-Identifier: Apache-2.0
// The noise on the images of a teacher: clamp(σ N(0, 1), ±limit), HiLab-git/SSL4MIS.
#pragma once

#include <string>

#include "framework/methods/method.h"

namespace semiseg {

struct TeacherNoise {
  double deviation = 0.1;  // on images in [0, 1]
  double limit = 0.2;

  // Reads the keys noise, noise_limit.
  static TeacherNoise read(const Config& section);
  // Returns the images [N,C,S] with noise; `draw` names the numbers of the step.
  at::Tensor added(const at::Tensor& image, const std::string& draw, const SampleIds& samples,
                   const Step& step) const;
};

}  // namespace semiseg
