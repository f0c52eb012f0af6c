// SPDX-License-Identifier: Apache-2.0
#include "tests/support/npy_writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "framework/core/files.h"

namespace semiseg {

std::string npy_text(const std::string& type, const std::string& shape, const at::Tensor& values,
                     bool is_fortran) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}", type,
                                   is_fortran ? "True" : "False", shape);
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  std::string text = "\x93NUMPY";
  for (const size_t byte : {size_t{1}, size_t{0}, header.size() % 256, header.size() / 256})
    text += static_cast<char>(byte);
  const at::Tensor flat = values.contiguous();
  return text + header +
         std::string(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes());
}

void write_npy(const std::filesystem::path& path, const std::string& type,
               const at::Tensor& values) {
  write_file(path, npy_text(type, fmt::format("{},", fmt::join(values.sizes(), ", ")), values));
}

}  // namespace semiseg
