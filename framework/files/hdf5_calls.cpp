// SPDX-License-Identifier: Apache-2.0
#include "framework/files/hdf5_calls.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "framework/core/error.h"

namespace semiseg::hdf5 {
namespace {

// h5py's form of bool: an enumeration over int8. Lives as long as the process.
hid_t bool_type() {
  static const hid_t type = [] {
    const hid_t made = H5Tenum_create(H5T_NATIVE_INT8);
    for (const int8_t value : {0, 1}) H5Tenum_insert(made, value ? "TRUE" : "FALSE", &value);
    return made;
  }();
  return type;
}

}  // namespace

std::string error_stack() {
  std::vector<std::string> lines;
  const auto add = [](unsigned, const H5E_error2_t* entry, void* out) -> herr_t {
    const std::string line = entry->desc ? entry->desc : "";
    auto& list = *static_cast<std::vector<std::string>*>(out);
    if (!line.empty() && std::find(list.begin(), list.end(), line) == list.end())
      list.push_back(line);
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, add, &lines);
  return lines.empty() ? "no text from HDF5" : fmt::format("{}", fmt::join(lines, "; "));
}

namespace {

// Returns the system's message within HDF5's error text, which is enough for users. Empty: HDF5
// itself found the error.
std::string system_reason(const std::string& stack) {
  constexpr std::string_view kBefore = "error message = '";
  const size_t begin = stack.find(kBefore);
  if (begin == std::string::npos) return "";
  const size_t text = begin + kBefore.size();
  return stack.substr(text, stack.find('\'', text) - text);
}

}  // namespace

void fail(const char* expression, const Where& at) {
  const std::string stack = error_stack(), reason = system_reason(stack);
  const std::string why = reason.empty() ? "" : " (" + reason + ")";
  throw Error(
      at.writing ? ErrorKind::kIo : ErrorKind::kData,
      {.what = (at.writing ? "cannot write the HDF5 file" : "cannot read the HDF5 file") + why,
       .where = at.object.empty() ? at.path.string() : at.path.string() + ": " + at.object,
       .got = reason.empty() ? fmt::format("{} failed: {}", expression, stack) : "",
       .fix = at.writing ? "free space or fix permissions and run the same command again"
                         : "replace the file with a good copy"});
}

Types types_of(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return {H5T_IEEE_F32LE, H5T_NATIVE_FLOAT};
    case at::kDouble:
      return {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE};
    case at::kLong:
      return {H5T_STD_I64LE, H5T_NATIVE_INT64};
    case at::kInt:
      return {H5T_STD_I32LE, H5T_NATIVE_INT32};
    case at::kByte:
      return {H5T_STD_U8LE, H5T_NATIVE_UINT8};
    case at::kBool:
      return {bool_type(), bool_type()};
    default:
      SEMISEG_CHECK(false,
                    fmt::format("HDF5 files do not take tensors of type {}", c10::toString(dtype)));
  }
  return {};
}

Handle make_space(at::IntArrayRef sizes, const Where& at) {
  const std::vector<hsize_t> extent(sizes.begin(), sizes.end());
  return Handle(SEMISEG_HDF5(extent.empty() ? H5Screate(H5S_SCALAR)
                                            : H5Screate_simple(static_cast<int>(extent.size()),
                                                               extent.data(), nullptr),
                             at),
                H5Sclose);
}

}  // namespace semiseg::hdf5
