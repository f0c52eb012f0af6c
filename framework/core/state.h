// SPDX-License-Identifier: Apache-2.0
// One visitor serves checkpoint, resume, clone, comparison and parity: every object that has state
// shows all of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace semiseg {

// Names are paths, "student/encoder.in_conv.conv_conv.0.weight". They are on disk: do not rename.
class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  // Reads the tensor, or writes it in place (throws kIo unless shape and dtype agree). An undefined
  // tensor is skipped by a writer and may be created by a reader.
  virtual void tensor(std::string_view name, at::Tensor& value) = 0;
  virtual void scalar(std::string_view name, int64_t& value) = 0;
  virtual void scalar(std::string_view name, double& value) = 0;
  virtual void text(std::string_view name, std::string& value) = 0;

  // Calls `visit`, in which names get "<name>/" in front.
  void scope(std::string_view name, const std::function<void(StateVisitor&)>& visit);

 protected:
  std::string full_name(std::string_view name) const { return prefix_ + std::string(name); }

 private:
  std::string prefix_;
};

// A snapshot in memory: all entries that a visitor saw, by full name. Tensors are deep copies.
using StateValue = std::variant<at::Tensor, int64_t, double, std::string>;
using StateMap = std::map<std::string, StateValue>;

using Stateful = std::function<void(StateVisitor&)>;

// Returns a copy of the whole state.
StateMap take_state(const Stateful& object);

// Copies the whole state in. Throws kIo that names every entry that is missing, unexpected, or of
// another shape or type.
void put_state(const Stateful& object, const StateMap& state);

}  // namespace semiseg
