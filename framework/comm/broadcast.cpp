// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/broadcast.h"

#include <ATen/Functions.h>
#include <nlohmann/json.hpp>

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

namespace {

using Json = nlohmann::ordered_json;

// Everything but the tensors' values.
Json outline(const StateMap& state) {
  Json entries = Json::array();
  for (const auto& [name, value] : state) {
    Json entry = {{"name", name}};
    if (const auto* tensor = std::get_if<at::Tensor>(&value)) {
      entry["dtype"] = static_cast<int>(tensor->scalar_type());
      entry["shape"] = tensor->sizes().vec();
    } else if (const auto* integer = std::get_if<int64_t>(&value)) {
      entry["integer"] = *integer;
    } else if (const auto* real = std::get_if<double>(&value)) {
      int64_t bits = 0;  // JSON has no infinity
      std::memcpy(&bits, real, sizeof bits);
      entry["real"] = bits;
    } else {
      entry["text"] = std::get<std::string>(value);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

StateValue value_from(const Json& entry) {
  if (entry.contains("integer")) return entry["integer"].get<int64_t>();
  if (entry.contains("text")) return entry["text"].get<std::string>();
  if (entry.contains("real")) {
    const auto bits = entry["real"].get<int64_t>();
    double real = 0;
    std::memcpy(&real, &bits, sizeof real);
    return real;
  }
  return at::empty(entry["shape"].get<std::vector<int64_t>>(),
                   static_cast<at::ScalarType>(entry["dtype"].get<int>()));
}

}  // namespace

std::optional<StateMap> broadcast_state(std::optional<StateMap> state, const Communicator& comm) {
  if (comm.size() == 1) return state;
  const std::string text =
      broadcast_text(comm.rank() == 0 && state ? outline(*state).dump() : std::string(), comm);
  if (text.empty()) return std::nullopt;
  StateMap result;
  for (const Json& entry : Json::parse(text)) {
    const auto name = entry["name"].get<std::string>();
    StateValue value = comm.rank() == 0 ? state->at(name) : value_from(entry);
    if (auto* tensor = std::get_if<at::Tensor>(&value)) comm.broadcast(*tensor, name);
    result.emplace(name, std::move(value));
  }
  return result;
}

}  // namespace semiseg
