// SPDX-License-Identifier: Apache-2.0
#include "framework/data/setting.h"

namespace semiseg {

std::vector<Split> Setting::splits(const std::vector<CaseInfo>& cases) const {
  std::vector<Split> splits;
  for (const CaseInfo& one : cases) splits.push_back(one.split);
  return splits;
}

}  // namespace semiseg
