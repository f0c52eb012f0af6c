// SPDX-License-Identifier: Apache-2.0
// Reads NumPy's .npy files (format versions 1 to 3). Debian's only C++ reader of them (xtensor)
// needs the type at compile time and takes a cut file for a whole one.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <vector>

namespace semiseg {

// Reads bool, integers of 8 to 64 bits, half, float and double, little-endian, in C or Fortran
// order; uint16 and uint32 widen to int32 and int64. Throws kData for any other file: other types,
// big-endian, an object array, more or fewer bytes than the shape needs.
at::Tensor read_npy(const std::filesystem::path& path);

// Returns index `index` of one axis, without that axis; reads no more than that where the entries lie
// in long runs. Throws kInternal outside the array.
at::Tensor read_npy_index(const std::filesystem::path& path, int64_t axis, int64_t index);

// Reads only the shape, from the header.
std::vector<int64_t> read_npy_shape(const std::filesystem::path& path);

}  // namespace semiseg
