// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/replica_check.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <vector>

#include "framework/core/error.h"

namespace semiseg {
namespace {

void append(std::string& bytes, const StateValue& value) {
  if (const auto* tensor = std::get_if<at::Tensor>(&value)) {
    const at::Tensor plain = tensor->contiguous();
    bytes.append(static_cast<const char*>(plain.const_data_ptr()), plain.nbytes());
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    bytes.append(reinterpret_cast<const char*>(integer), sizeof *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    bytes.append(reinterpret_cast<const char*>(real), sizeof *real);
  } else {
    bytes.append(std::get<std::string>(value));
  }
}

// Returns it as a double that holds it exactly, because messages are floating-point.
double checksum(const Stateful& object) {
  std::string bytes;
  for (const auto& [name, value] : take_state(object)) {
    bytes += name;
    append(bytes, value);
  }
  return static_cast<double>(XXH3_64bits(bytes.data(), bytes.size()) >> 11);
}

}  // namespace

void check_replicas(const Stateful& object, const Communicator& comm, const std::string& what,
                    const std::string& where) {
  if (comm.size() == 1) return;
  const at::Tensor sums =
      comm.gather(at::full({1}, checksum(object), at::kDouble), "checksum").contiguous();
  std::vector<int> others;
  for (int rank = 1; rank < comm.size(); ++rank) {
    if (!at::equal(sums[rank], sums[0])) others.push_back(rank);
  }
  if (others.empty()) return;
  throw Error(ErrorKind::kRank,
              {.what = what + " is not the same on all ranks",
               .where = where,
               .expected = "the bits of rank 0 on all ranks",
               .got = fmt::format("other bits on rank {}", fmt::join(others, ", ")),
               .fix = "start again from the last checkpoint; if it comes back, compare memory, "
                      "libraries and processor of these ranks' nodes with those of rank 0"});
}

}  // namespace semiseg
