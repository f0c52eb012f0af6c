// SPDX-License-Identifier: Apache-2.0
// CutMix between two unlabelled batches, with pseudo-labels that are cut along: LiheYoung/UniMatch
// more-scenarios/medical and AiEson/CrossMatch. n samples, S spatial axes.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/methods/method.h"
#include "framework/methods/parts/mixing/boxes.h"

namespace semiseg {

// Reads the keys cutmix_probability, cutmix_area.
CutmixOptions read_cutmix(const Config& section, CutmixOptions defaults = {});

// Returns bool [n,S], true in the box of each sample; `draw` names the numbers of the step: corner,
// then lengths, along the axes in order; all zero: no box. Slices: sides of a square of the shorter
// side; volumes: share v, V = v · volume, sides (V/r)^⅓, (V r)^⅓, V^⅓, until they fit.
at::Tensor draw_boxes(const CutmixOptions& options, const std::string& draw,
                      const SampleIds& samples, at::IntArrayRef size, const Step& step);

// Hard labels with their confidence, without gradient.
struct PseudoLabel {
  at::Tensor label;       // int64 [n,S]
  at::Tensor confidence;  // [n,S] largest probability
};
PseudoLabel pseudo_label(const at::Tensor& logits);

// The other one inside the boxes: images [n,C,S], or labels.
at::Tensor pasted(const at::Tensor& image, const at::Tensor& other, const at::Tensor& inside);
PseudoLabel pasted(const PseudoLabel& base, const PseudoLabel& other, const at::Tensor& inside);

// Streams of such methods: labelled ones, and of the rest of the batch one half (unlabelled) and
// the images to mix in (mix), both with the views weak, strong and strong2. Sample i of one belongs
// to sample i of the other. Throws kConfig when the rest is odd.
std::vector<StreamPlan> streams_with_mix(const MethodContext& context);
std::vector<std::vector<int64_t>> groups_with_mix(const MethodContext& context);

// Ids of the second strong view, whose dropout differs from the first one's.
SampleIds second_view(const SampleIds& samples);

}  // namespace semiseg
