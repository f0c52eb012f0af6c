// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/ema.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/core/error.h"

namespace semiseg {
namespace {

std::vector<at::Tensor> values(const std::vector<NamedTensor>& named) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(named.size());
  for (const auto& item : named) tensors.push_back(item.value);
  return tensors;
}

void average_buffer(const at::Tensor& teacher, const at::Tensor& student, double alpha) {
  if (teacher.is_floating_point()) {
    teacher.lerp_(student, 1 - alpha);
  } else {
    teacher.copy_(
        teacher.to(at::kFloat).mul_(alpha).add_(student, 1 - alpha));  // the reference's precision
  }
}

}  // namespace

EmaOptions EmaOptions::read(const Config& section, const EmaOptions& defaults) {
  EmaOptions o = defaults;
  section.read("ema_decay", o.decay, {0, 1},
               "Share of the old teacher that one step keeps. Raise it for long trainings, lower "
               "it for short ones: 0.99 averages about 100 steps.");
  section.read("ema_warmup", o.warmup,
               "Averages all students so far with equal weights until the decay is reached. The "
               "random initial weights then leave the teacher after the first steps. Switch it off "
               "only to repeat a reference.");
  section.read(
      "ema_buffers", o.buffers, {"none", "average", "copy"},
      "Batch-norm statistics of the teacher: its own from its forward passes (none), averaged like "
      "parameters (average), or the student's (copy). Change it only to repeat a reference.");
  return o;
}

double ema_alpha(const EmaOptions& options, int64_t iteration) {
  if (!options.warmup) return options.decay;
  return std::min(1 - 1 / (static_cast<double>(iteration) + 1), options.decay);
}

void update_teacher(Backbone& teacher, const Backbone& student, const EmaOptions& options,
                    int64_t iteration) {
  SEMISEG_CHECK(teacher.parameters().size() == student.parameters().size(),
                "teacher and student must be of one architecture");
  const at::NoGradGuard no_grad;
  const double alpha = ema_alpha(options, iteration);
  const std::vector<at::Tensor> averaged = values(teacher.parameters());
  at::_foreach_lerp_(averaged, values(student.parameters()), 1 - alpha);
  if (options.buffers == "none") return;
  for (size_t i = 0; i < teacher.buffers().size(); ++i) {
    at::Tensor buffer = teacher.buffers()[i].value;
    const at::Tensor& source = student.buffers()[i].value;
    if (options.buffers == "copy") {
      buffer.copy_(source);
    } else {
      average_buffer(buffer, source, alpha);
    }
  }
}

}  // namespace semiseg
