// SPDX-License-Identifier: Apache-2.0
// The pools of a setting under a label budget.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "framework/data/setting.h"

namespace semiseg {

struct LabelChoice {
  std::string labelled;    // number of patients, or "all"
  int64_t draw = 0;        // see drawn_order()
  bool is_strict = false;  // no label outside the labelled patients is read before the end
  int64_t selection = 0;   // of them, those that select the weights; only where it is strict
};

struct BudgetedData {
  std::unique_ptr<DatasetSource> source;  // with the splits of the setting and the budget
  Pools pools;
};

// `section` is [setting]. A strict budget leaves the validation cases out; with `selection` the
// last of the labelled patients are the validation split instead, and training does not use them.
// Throws kConfig when they would be all of them, or the setting cannot do without them.
BudgetedData budgeted_pools(const LabelChoice& choice, const std::string& setting,
                            const Config& section, std::unique_ptr<DatasetSource> source,
                            int spatial_dims);

}  // namespace semiseg
