// SPDX-License-Identifier: Apache-2.0
// A small data set in the ACDC layout of SSL4MIS.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <vector>

namespace semiseg {

// A file with the datasets `image` and `label`.
void write_pair(const std::filesystem::path& path, const at::Tensor& image,
                const at::Tensor& label);

// One frame of two slices of 4 × 6 for each patient number; slices count from 1. Lists hold the
// patients as given.
void write_acdc_tree(const std::filesystem::path& root, const std::vector<int>& train,
                     const std::vector<int>& val, const std::vector<int>& test);

}  // namespace semiseg
