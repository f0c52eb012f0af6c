// SPDX-License-Identifier: Apache-2.0
// Reads pickle streams of protocol 2 to 5 as data and executes nothing. Nothing is imported, called
// or constructed; a call is kept as a name and its arguments, and only names that the caller allows
// may occur.
//
// Own code, because LibTorch's own reader (torch/csrc/jit/serialization/unpickler.h) loses every
// dictionary that carries attributes, as each Python state_dict does, and no Debian library reads
// pickles without a Python interpreter.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace semiseg {

struct PickleValue {
  enum class Kind {
    kNone,
    kBool,      // integer: 0 or 1
    kInteger,   // integer
    kLong,      // more than 64 bits; text: its bytes, little-endian two's complement
    kReal,      // real
    kText,      // text
    kList,      // items; sets too
    kTuple,     // items
    kDict,      // items: key, value, key, value …; collections.OrderedDict too
    kGlobal,    // text: "torch.FloatStorage"
    kCall,      // text: the name; items: the tuple of its arguments
    kExternal,  // items: one value that says where the object is (persistent id)
  };
  Kind kind = Kind::kNone;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<const PickleValue*> items;  // may hold each other in cycles: walk with a limit
};

// A stream's values; pointers into it live as long as it does.
struct Pickle {
  std::deque<PickleValue> values;
  const PickleValue* root = nullptr;
};

// Reads one stream from `bytes` at `position`, which then points behind the stream. `globals` are
// the names that may occur. Throws kData naming `where` when a global is not among them (the name
// is in the message), an opcode is not one of plain data, or the stream is damaged or cut off.
Pickle read_pickle(std::string_view bytes, size_t& position, const std::set<std::string>& globals,
                   const std::string& where);

}  // namespace semiseg
