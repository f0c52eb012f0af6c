// SPDX-License-Identifier: Apache-2.0
// The entry point that libFuzzer calls. The variable SEMISEG_FUZZ_TARGET names the reader, because
// libFuzzer restarts itself without our arguments for some of its work.
#include <sanitizer/allocator_interface.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/fuzz/target.h"

namespace semiseg::fuzz {
namespace {

// The largest single allocation for a damaged file is ten times its bytes plus this allowance for
// the libraries.
constexpr size_t kMostTimes = 10, kAnyFile = size_t{4} << 20;

thread_local size_t largest = 0;

void allocated(const volatile void*, size_t bytes) { largest = std::max(largest, bytes); }
void released(const volatile void*) {}

const Target& chosen() {
  const char* name = std::getenv("SEMISEG_FUZZ_TARGET");
  for (const Target& target : targets()) {
    if (name != nullptr && target.name == name) return target;
  }
  std::fputs("SEMISEG_FUZZ_TARGET names none of:", stderr);
  for (const Target& target : targets()) std::fprintf(stderr, " %s", target.name.c_str());
  std::fputs("\n", stderr);
  std::_Exit(2);
}

}  // namespace
}  // namespace semiseg::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  __sanitizer_install_malloc_and_free_hooks(semiseg::fuzz::allocated, semiseg::fuzz::released);
  semiseg::fuzz::chosen();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  using namespace semiseg::fuzz;
  static const Target& target = chosen();
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  largest = 0;
  const bool is_taken = target.read(bytes);
  if (!is_taken && target.bounds_memory && largest > kMostTimes * size + kAnyFile) {
    std::fprintf(stderr, "%zu bytes at once for a damaged file of %zu bytes\n", largest, size);
    std::abort();
  }
  return 0;
}
