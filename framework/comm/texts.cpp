// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/texts.h"

#include <ATen/Functions.h>

#include <cstring>

namespace semiseg {
namespace {

at::Tensor bytes_of(const std::string& text) {
  at::Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  if (!text.empty()) std::memcpy(bytes.mutable_data_ptr(), text.data(), text.size());
  return bytes;
}

std::string text_of(const at::Tensor& bytes) {
  return {static_cast<const char*>(bytes.const_data_ptr()), static_cast<size_t>(bytes.numel())};
}

}  // namespace

std::string broadcast_text(const std::string& text, const Communicator& comm) {
  if (comm.size() == 1) return text;
  at::Tensor size = at::full({1}, static_cast<int64_t>(text.size()), at::kLong);
  comm.broadcast(size, "length of text");
  at::Tensor bytes =
      comm.rank() == 0 ? bytes_of(text) : at::empty({size.item<int64_t>()}, at::kByte);
  comm.broadcast(bytes, "text");
  return text_of(bytes);
}

std::vector<std::string> gather_texts(const std::string& text, const Communicator& comm) {
  if (comm.size() == 1) return {text};
  const at::Tensor sizes =
      comm.gather(at::full({1}, static_cast<int64_t>(text.size()), at::kLong), "length of text");
  const std::string all = text_of(comm.gather_uneven(bytes_of(text), "text"));
  std::vector<std::string> texts;
  size_t start = 0;
  for (int64_t rank = 0; rank < sizes.size(0); ++rank) {
    const auto size = static_cast<size_t>(sizes[rank].item<int64_t>());
    texts.push_back(all.substr(start, size));
    start += size;
  }
  return texts;
}

}  // namespace semiseg
