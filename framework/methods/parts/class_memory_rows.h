// SPDX-License-Identifier: Apache-2.0
// A memory of feature rows for each foreground class, replaced by the batch's best rows:
// ycwu1997/SS-Net, after Alonso et al., ICCV 2021. All ranks hold the same rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "framework/methods/method.h"

namespace semiseg {

struct ClassRowsOptions {
  int64_t rows = 32;  // of a class
  std::string order = "ascending";

  // Reads the keys memory_per_class, ssnet_memory_order.
  static ClassRowsOptions read(const Config& section);
};

class ClassRows {
 public:
  static constexpr int64_t kWidth = 32;  // of a row

  ClassRows(const ClassRowsOptions& options, const NetworkShape& shape);

  // Collective. Replaces the memory of each class that has rows on any rank, by all of them or, if
  // there are more than fit, by those of the least (or greatest) score σ(score_of(class, rows
  // [m,width])), which is called on all ranks. features [M,width], label [M].
  void replace(const at::Tensor& features, const at::Tensor& label, const Communicator& comm,
               const std::function<at::Tensor(int64_t c, const at::Tensor& rows)>& score_of);

  // [m,width]; no rows before the class was seen.
  at::Tensor rows(int64_t c) const;
  int64_t classes() const { return static_cast<int64_t>(rows_.size()); }
  // Visits the rows and their counts under "memory/".
  void state(StateVisitor& visitor);

 private:
  at::Tensor best(const at::Tensor& rows, const at::Tensor& scores, const Communicator& comm) const;

  ClassRowsOptions options_;
  std::vector<at::Tensor> rows_;  // [rows,width] of each class
  std::vector<int64_t> counts_;   // how many of them are filled
};

}  // namespace semiseg
