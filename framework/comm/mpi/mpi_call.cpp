// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/mpi/mpi_call.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {

void fail_mpi(int code, const char* expression, const char* file, int line) {
  char text[MPI_MAX_ERROR_STRING] = "", host[256] = "";
  int length = 0, rank = -1;
  MPI_Error_string(code, text, &length);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  gethostname(host, sizeof host - 1);
  throw Error(ErrorKind::kRank,
              {.what = "a call of MPI failed: " + std::string(text),
               .where = fmt::format("rank {} on {}, {}:{}", rank, host, file, line),
               .expected = expression,
               .fix = "another rank may have failed first: see its message"});
}

namespace {

template <class T>
void add(void* in, void* inout, int* size, MPI_Datatype*) {
  const auto* a = static_cast<const T*>(in);
  auto* b = static_cast<T*>(inout);
  for (int i = 0; i < *size; ++i) b[i] = static_cast<float>(a[i]) + static_cast<float>(b[i]);
}

template <class T>
MPI_Op own_sum() {
  static const MPI_Op op = [] {
    MPI_Op made = MPI_OP_NULL;
    SEMISEG_MPI(MPI_Op_create(&add<T>, /*commute=*/1, &made));
    return made;
  }();
  return op;
}

}  // namespace

MPI_Datatype mpi_type(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return MPI_DOUBLE;
    case at::kFloat:
      return MPI_FLOAT;
    case at::kBFloat16:
    case at::kHalf:
      return MPI_UINT16_T;
    case at::kLong:
      return MPI_INT64_T;
    case at::kInt:
      return MPI_INT32_T;
    case at::kByte:
    case at::kBool:
      return MPI_UINT8_T;
    default:
      fail_check("a dtype that ranks exchange", __FILE__, __LINE__, std::string(toString(type)));
  }
}

MPI_Op mpi_sum(at::ScalarType type) {
  if (type == at::kBFloat16) return own_sum<at::BFloat16>();
  if (type == at::kHalf) return own_sum<at::Half>();
  return MPI_SUM;
}

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
