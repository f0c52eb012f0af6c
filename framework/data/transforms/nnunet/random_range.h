// SPDX-License-Identifier: Apache-2.0
// The random numbers of nnU-Net's transforms: MIC-DKFZ/nnUNet v2, nnUNetTrainer, with
// MIC-DKFZ/batchgeneratorsv2.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string_view>

#include "framework/config/config.h"
#include "framework/core/random/draws.h"

namespace semiseg {

struct RandomRange {
  double low = 0, high = 1;

  // Reads a list of two numbers, the smaller first, both within `limits`.
  void read(const Config& section, std::string_view key, const RandomRange& limits,
            std::string_view doc);
  double draw(DrawSequence& numbers) const;  // uniform
  // A factor: half of the time below 1, half of the time above, where the range has both; uniform in
  // that part. BGContrast of nnU-Net.
  double draw_factor(DrawSequence& numbers) const;
};

// Reads the key `probability`; `present` is its default.
double read_probability(const Config& section, double present);

// Returns a sequence of the step's own, so that a step that draws many numbers, or none, does not
// move those of later steps. Takes two numbers.
DrawSequence own_sequence(DrawSequence& numbers);

// Returns a copy of image [C,S] in which `change` replaced channels [S], each with this probability.
at::Tensor with_changed_channels(
    const at::Tensor& image, double probability, DrawSequence& numbers,
    const std::function<at::Tensor(const at::Tensor& channel)>& change);

}  // namespace semiseg
