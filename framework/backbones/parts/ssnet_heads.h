// SPDX-License-Identifier: Apache-2.0
// The heads of SS-Net (Wu et al., MICCAI 2022; ycwu1997/SS-Net) on rows of the last features, all
// of them RowMlps of width 32:
//
//   projection_head                        features → 32, ReLU
//   prediction_head                        32 → 32, ReLU
//   contrastive_class_selector_<c>         32 → 1, LeakyReLU 0.2: score of a feature of class c
//   contrastive_class_selector_memory<c>   32 → 1, LeakyReLU 0.2: score of a row of the memory
#pragma once

#include <string_view>
#include <vector>

#include "framework/backbones/parts/row_mlp.h"

namespace semiseg {

class SsNetHeads {
 public:
  SsNetHeads(const Module& root, int64_t features, int64_t classes);
  // Heads by the names above. Throws kInternal for another one.
  at::Tensor project(std::string_view head, const at::Tensor& rows, const Pass& pass) const;

 private:
  struct Named {
    std::string name;
    RowMlp mlp;
  };
  std::vector<Named> heads_;
};

}  // namespace semiseg
