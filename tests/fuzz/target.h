// SPDX-License-Identifier: Apache-2.0
// Readers of foreign files, each behind one function that takes any bytes. libFuzzer calls them with
// bytes of its making (entry.cpp), and tests/files/fuzz_test.cpp with the files of corpus/.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/core/error.h"

namespace semiseg::fuzz {

struct Target {
  std::string name;  // also the name of its folder in corpus/
  // Returns true if a reader took the bytes for a whole file. Whatever it throws is a fault.
  bool (*read)(const std::string& bytes);
  // False where a library asks for memory that the file claims before it looks for the bytes.
  bool bounds_memory = true;
};

// Returns the targets of all linked files, in no order.
std::vector<Target>& targets();

// Registers a target. Returns true.
bool add(Target target);

// Writes the bytes under this name into a folder of this process alone. Returns the path.
std::filesystem::path file(const std::string& name, const std::string& bytes);

// Returns true if the call ends well, false if it refuses its input by an Error. A broken invariant
// and the exceptions of libraries are no refusals: they escape.
template <class Call>
bool accepts(const Call& call) {
  try {
    call();
    return true;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInternal) throw;
    return false;
  }
}

}  // namespace semiseg::fuzz
