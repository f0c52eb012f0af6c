// SPDX-License-Identifier: Apache-2.0
// The interface of a setting: which training samples keep their ground truth, which pools streams
// draw from, and which cases select and test. A setting is a pure function of the cases and its
// options.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/plugins/registry.h"
#include "framework/data/pool.h"

namespace semiseg {

class Setting {
 public:
  virtual ~Setting() = default;

  // Returns the split of each case in this setting, in the order of `cases`. A case outside the
  // training split must not move into it. Throws kConfig when the data set cannot serve the
  // setting.
  virtual std::vector<Split> splits(const std::vector<CaseInfo>& cases) const;

  // Makes the pools of `samples`: the training samples of the cases whose split is kTrain, in
  // published order; `cases` already have this setting's splits. Every setting has the pools
  // "labelled" and "unlabelled", so that every method runs in it. Throws kConfig when the data set
  // lacks the labelled patients asked for.
  virtual Pools pools(const std::vector<SampleInfo>& samples,
                      const std::vector<CaseInfo>& cases) const = 0;
};

struct SettingEntry {
  static const char* kind() { return "setting"; }
  std::string name, summary;
  // Reads [setting]; `labelled` is that of resolve_budget(). Needs no data.
  std::function<std::unique_ptr<Setting>(const Config& section, const std::string& labelled)> make;
};
using SettingRegistry = Registry<SettingEntry>;

// Returns `source` with the splits of the setting; its training samples are those still in the
// training split.
std::unique_ptr<DatasetSource> with_splits(std::unique_ptr<DatasetSource> source,
                                           const std::vector<Split>& splits);

}  // namespace semiseg
