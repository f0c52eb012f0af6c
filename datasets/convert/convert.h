// SPDX-License-Identifier: Apache-2.0
// Converts scans to a case store (framework/data/archive/case_store.h).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "datasets/convert/convert_inputs.h"
#include "datasets/convert/convert_splits.h"
#include "framework/data/dataset.h"
#include "framework/scans/preparation.h"

namespace semiseg {

struct ConvertRequest {
  std::vector<CaseFiles> cases;
  std::filesystem::path folder;  // folder of the store
  std::string name;              // name of the data set
  Preparation preparation;
  SplitRequest splits;
  std::vector<std::string> classes;  // names, background first; empty: from the labels
};

// The result for one case; a line of the table.
struct ConvertedCase {
  CaseInfo info;
  bool kept = false;    // it was there
  bool listed = false;  // in the index; false: left out
  std::string error;    // why it is left out, or differs from its inputs
  std::array<int64_t, 3> size = {};
  std::array<double, 3> spacing_mm = {};
  int64_t channels = 0;
  double low = 0, high = 0;      // range of the image
  std::vector<int64_t> classes;  // in the label; empty: no label
  std::string orientation;       // letters of the axes D, H, W
};

// Writes every case that can be made and, last, their index; failures are in the result. Existing
// cases are kept, in their splits. An existing index is replaced at the end, so that the folder
// stays the data set that it was when anything fails before. Training patients with labels come
// first. Throws kConfig when the folder holds cases made in another way, and when classes do not
// fit the labels.
std::vector<ConvertedCase> convert(const ConvertRequest& request,
                                   const std::function<void(size_t done)>& progress);

}  // namespace semiseg
