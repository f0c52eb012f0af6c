// SPDX-License-Identifier: Apache-2.0
// Weights that PyTorch's torch.save wrote (.pth, .pt): the zip format since version 1.6 and the
// pickle format before it. The file is read as data, nothing in it is executed (pickle.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace semiseg {

// Returns true when the file begins like one of both formats.
bool is_torch_file(const std::filesystem::path& path);

// Returns every tensor of the file, contiguous, on the CPU, in its own type (float64 float32
// float16 bfloat16 int64 int32 int16 int8 uint8 bool). Names are keys of nested dictionaries and
// positions in lists, joined by '/': "net/encoder.in_conv.conv_conv.0.weight". Other values are
// left out. Throws kData naming the file for anything other than dictionaries, lists, tensors,
// numbers and text (the name of the class or function is in the message), and for damaged or cut
// files.
std::map<std::string, at::Tensor> read_torch_file(const std::filesystem::path& path);

}  // namespace semiseg
