// SPDX-License-Identifier: Apache-2.0
// .npy files as numpy.save writes them.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>

namespace semiseg {

// Magic, version 1.0, header padded to 64 bytes, the values' bytes. type "<f4", shape "2, 3".
std::string npy_text(const std::string& type, const std::string& shape, const at::Tensor& values,
                     bool is_fortran = false);

void write_npy(const std::filesystem::path& path, const std::string& type,
               const at::Tensor& values);

}  // namespace semiseg
