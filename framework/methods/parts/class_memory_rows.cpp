// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/class_memory_rows.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

namespace semiseg {

ClassRowsOptions ClassRowsOptions::read(const Config& section) {
  ClassRowsOptions o;
  section.read("memory_per_class", o.rows, {2, 4096},
               "Number of feature rows that the memory keeps of a class. Raise it for classes of "
               "varied appearance.");
  section.read("ssnet_memory_order", o.order, {"ascending", "descending"},
               "Order of the scores whose first rows are kept: the lowest as in the reference, or "
               "the highest as its comment says.");
  return o;
}

ClassRows::ClassRows(const ClassRowsOptions& options, const NetworkShape& shape)
    : options_(options), counts_(static_cast<size_t>(shape.classes), 0) {
  for (int64_t c = 0; c < shape.classes; ++c)
    rows_.push_back(at::zeros({options.rows, kWidth}, shape.options()));
}

void ClassRows::replace(
    const at::Tensor& features, const at::Tensor& label, const Communicator& comm,
    const std::function<at::Tensor(int64_t c, const at::Tensor& rows)>& score_of) {
  for (int64_t c = 1; c < classes(); ++c) {
    const at::Tensor own = features.index_select(0, (label == c).nonzero().squeeze(1));
    const double total =
        comm.sum(at::full({1}, static_cast<double>(own.size(0)), at::kDouble)).item<double>();
    if (total < 1) continue;
    const bool fits = total <= static_cast<double>(options_.rows);
    const at::Tensor kept = fits ? comm.gather_uneven(own.contiguous(), "class_rows")
                                 : best(own, score_of(c, own).sigmoid().select(1, 0), comm);
    const auto place = static_cast<size_t>(c);
    counts_[place] = kept.size(0);
    rows_[place].slice(0, 0, kept.size(0)).copy_(kept);
  }
}

// The best of each rank, then the best of all.
at::Tensor ClassRows::best(const at::Tensor& rows, const at::Tensor& scores,
                           const Communicator& comm) const {
  const bool descending = options_.order == "descending";
  const auto first_of = [&](const at::Tensor& all) {
    const int64_t count = std::min(options_.rows, all.size(0));
    const at::Tensor order = at::argsort(all.select(1, 0), /*stable=*/true, 0, descending);
    return all.index_select(0, order.slice(0, 0, count));
  };
  const at::Tensor scored = at::cat({scores.unsqueeze(1), rows}, 1);
  return first_of(comm.gather_uneven(first_of(scored).contiguous(), "class_rows")).slice(1, 1);
}

at::Tensor ClassRows::rows(int64_t c) const {
  const auto place = static_cast<size_t>(c);
  return rows_[place].slice(0, 0, counts_[place]);
}

void ClassRows::state(StateVisitor& visitor) {
  visitor.scope("memory", [this](StateVisitor& v) {
    for (size_t c = 0; c < rows_.size(); ++c) {
      v.tensor("rows." + std::to_string(c), rows_[c]);
      v.scalar("count." + std::to_string(c), counts_[c]);
    }
  });
}

}  // namespace semiseg
