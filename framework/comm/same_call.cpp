// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/same_call.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "framework/comm/mpi/mpi_call.h"
#include "framework/core/error.h"

namespace semiseg {

void check_same_call(MPI_Comm comm, std::string_view kind, std::string_view name,
                     const at::Tensor& value) {
  constexpr int kLength = 160;
  std::string mine = fmt::format("{} of {}", kind, name);
  if (value.defined()) {
    mine += fmt::format(": {} × {}", value.numel(), toString(value.scalar_type()));
  }
  mine.resize(kLength - 1);
  int size = 0, rank = 0;
  SEMISEG_MPI(MPI_Comm_size(comm, &size));
  SEMISEG_MPI(MPI_Comm_rank(comm, &rank));
  std::vector<char> all(static_cast<size_t>(size) * kLength);
  SEMISEG_MPI(MPI_Allgather(mine.c_str(), kLength, MPI_CHAR, all.data(), kLength, MPI_CHAR, comm));
  std::vector<std::string> calls;
  for (int r = 0; r < size; ++r) calls.emplace_back(all.data() + static_cast<size_t>(r) * kLength);
  if (std::all_of(calls.begin(), calls.end(), [&](const auto& call) { return call == calls[0]; }))
    return;
  for (int r = 0; r < size; ++r)
    calls[static_cast<size_t>(r)].insert(0, fmt::format("rank {}: ", r));
  throw Error(ErrorKind::kRank, {.what = "ranks call different collectives",
                                 .where = fmt::format("seen on rank {}", rank),
                                 .expected = "the same call on every rank",
                                 .got = fmt::format("{}", fmt::join(calls, "; ")),
                                 .fix = "a method may only branch on what is equal on all ranks"});
}

}  // namespace semiseg
