// SPDX-License-Identifier: Apache-2.0
// Safetensors files: 8 bytes little-endian header length, JSON header, raw data. The format of
// parity cases, and of weights that other programs wrote. Format: huggingface/safetensors, README
// "Format".
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace semiseg {

struct Safetensors {
  std::map<std::string, at::Tensor> tensors;    // contiguous, on the CPU
  std::map<std::string, std::string> metadata;  // the header's __metadata__
};

// Reads F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL. Throws kData naming file and tensor for anything
// malformed: truncated, header that is no JSON, unknown type, offsets outside the data, with gaps
// or overlaps, sizes that do not fit the shape.
Safetensors read_safetensors(const std::filesystem::path& path);

// Writes tensors of the same types, any device and strides, atomically. Throws kIo on failure; the
// old file stays.
void write_safetensors(const std::filesystem::path& path, const Safetensors& content);

}  // namespace semiseg
