// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/broadcast_state.h"

#include <ATen/Functions.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "framework/comm/texts.h"

namespace semiseg {
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
