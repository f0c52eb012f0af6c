// SPDX-License-Identifier: Apache-2.0
// The data of a run: its data set, opened, in the splits and pools of its setting.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/data/dataset.h"
#include "framework/data/pool.h"
#include "framework/run/run_options.h"

namespace semiseg {

// The facts about the data that a model is built for. Without the data set only `info` and
// `domains` are known.
struct DataFacts {
  DatasetInfo info;
  std::vector<std::string> domains = {""};
  std::map<std::string, int64_t> pool_samples;  // number of samples in each pool
  // That of MethodContext; valid as long as the RunData.
  std::function<std::vector<int64_t>(const std::string& pool)> class_voxels;
};

struct RunData {
  std::unique_ptr<DatasetSource> source;
  Pools pools;
  DataFacts facts;

  // Not collective. Throws kConfig when the data set cannot serve the setting, kData when it cannot
  // be read.
  static RunData open(const RunOptions& options);

  bool has_cases(Split split) const;
};

}  // namespace semiseg
