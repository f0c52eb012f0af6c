// SPDX-License-Identifier: Apache-2.0
// The features whose class statistics TSA keeps, and the last layer that they enter, by the options
// `space` and `head_mode`: logits, the input of the layer, or its input with one feature a tap. N
// images, A features, C classes, S spatial axes; the sides k of a kernel are odd.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/config/config.h"
#include "framework/methods/parts/networks/teacher_student.h"
#include "framework/methods/tsa/tsa_options.h"

namespace semiseg {

// Returns A. Throws kConfig, about `section`, when head_mode does not fit the head.
int64_t feature_count(const TsaOptions& options, const Classifier& head, int64_t classes,
                      const Config& section);

// Returns the pixels' features for the memory [N,A,S], without gradient; S is one axis with a
// feature a tap.
LabelledFeatures features_of(const ClassPixels& pixels, const TsaOptions& options,
                             const Classifier& head);

// Returns the weight [C,A] or [C,A,k…] that makes logits of these features; gradients reach the
// head.
at::Tensor weight_of(const TsaOptions& options, const Classifier& head);

// Returns the logits [N,C,S] of the layer's input [N,A,S], with zeros beyond the border. Gradients
// reach the head, not the input.
at::Tensor logits_of(const Classifier& head, const at::Tensor& features);

}  // namespace semiseg
