// SPDX-License-Identifier: Apache-2.0
// A method in the real trainer, fed by the real loader, for two iterations of each stage.
#pragma once

#include <functional>

#include "framework/data/loader.h"
#include "framework/train/trainer.h"
#include "launch/conformance/memory_journal.h"
#include "launch/conformance/method_case.h"

namespace semiseg {

// Makes the loaders of a method. `source` and `pools` outlive it.
class SmallLoaders {
 public:
  SmallLoaders(const MethodOnImages& method, const DatasetSource& source, const Pools& pools)
      : setup_(method.setup()), source_(source), pools_(pools) {}
  std::unique_ptr<Loader> make(const Stage& stage, int64_t index, int64_t first) const;

 private:
  MethodSetup setup_;
  const DatasetSource& source_;
  const Pools& pools_;
};

// Returns a score of the present predictor; it is recorded after each iteration.
using SmallValidation = std::function<double(Predictor&)>;

struct MemoryRecords {
  MemoryJournal journal;
  MemoryDisplay display;
};

// Trains until `stop_after` steps of this start and returns whether that was the end.
bool train_short(const MethodOnImages& method, const SmallLoaders& loaders, MemoryRecords& records,
                 int64_t stop_after, const SmallValidation& validation = {});

}  // namespace semiseg
