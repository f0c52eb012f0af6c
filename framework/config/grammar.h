// SPDX-License-Identifier: Apache-2.0
// The text of one override, in Hydra's grammar without sweeps.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "framework/config/value.h"

namespace semiseg {

enum class Action {
  kSet,     // key=value
  kAdd,     // +key=value
  kForce,   // ++key=value
  kDelete,  // ~key, ~key=value
};

struct Override {
  std::string text;  // as typed
  Action action = Action::kSet;
  std::string key;                     // "a.b", "group", "group/sub"
  std::optional<std::string> package;  // the text after '@'
  std::optional<Value> value;          // absent only in ~key
  std::string option;                  // the value as the name of a group's option; "" for null
  bool is_null = false;                // the bare word null, which only a group can take

  Origin origin() const { return {"command line", 0, text}; }
};

// Values: true/false in any case, integers (1_000), floats (1e-3, inf, nan), [a, b], {a: 1, b: 2},
// '…', "…", else the text itself; a backslash keeps ( ) [ ] { } : = , ' " space and itself from
// being special; ${…} is one piece. Throws kConfig with the text for anything else; a comma outside
// brackets is a sweep, and the message says so.
Override parse_override(const std::string& text);

}  // namespace semiseg
