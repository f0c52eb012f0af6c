// SPDX-License-Identifier: Apache-2.0
// The checks that every data set passes when it is opened and when a case is loaded. They throw
// kData.
#pragma once

#include <filesystem>
#include <vector>

#include "framework/data/dataset.h"

namespace semiseg {

// Checks that ids are unique (a case in two splits is named with both) and that no patient is in
// more than one split. `where` names the data set in messages.
void check_cases(const std::vector<CaseInfo>& cases, const std::filesystem::path& where);

// Checks a volume: image [C,D,H,W] with info.channels channels, label [D,H,W] or undefined with
// values below the number of classes (or kIgnoreLabel where info has it), everything finite, the
// image not constant (an empty or blank scan), spacing positive. Messages name file and value.
void check_volume(const Volume& volume, const DatasetInfo& info, const std::filesystem::path& file);

// The same for a slice, [C,H,W] and [H,W]. A constant slice is fine: scans begin and end in air.
void check_sample(const Sample& sample, const DatasetInfo& info, const std::filesystem::path& file);

// Converts label values of any integer type to uint8. Values are checked before the cast: 256 is
// not 0. kIgnoreLabel is a value only where `info` has it.
at::Tensor to_label(const at::Tensor& values, const DatasetInfo& info,
                    const std::filesystem::path& file);

}  // namespace semiseg
