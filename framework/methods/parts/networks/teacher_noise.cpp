// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/networks/teacher_noise.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace semiseg {

TeacherNoise TeacherNoise::read(const Config& section) {
  TeacherNoise o;
  section.read("noise", o.deviation, {0, 10},
               "Standard deviation of the Gaussian noise on the images of the teacher, which are "
               "in [0, 1]. Raise it for a stronger consistency, lower it for weak contrasts.");
  section.read("noise_limit", o.limit, {0, 10},
               "Largest size of that noise; larger values are clipped.");
  return o;
}

at::Tensor TeacherNoise::added(const at::Tensor& image, const std::string& draw,
                               const SampleIds& samples, const Step& step) const {
  const at::Tensor noise =
      step.draws->normal(draw, image.sizes().slice(1), samples).to(image.options());
  return image + (deviation * noise).clamp(-limit, limit);
}

}  // namespace semiseg
