// SPDX-License-Identifier: Apache-2.0
// Every MPI call goes through SEMISEG_MPI: an error becomes an Error with expression, place, rank
// and host.
#pragma once

#include <mpi.h>

namespace semiseg {

// Throws kRank. Behind SEMISEG_MPI.
[[noreturn]] void fail_mpi(int code, const char* expression, const char* file, int line);

}  // namespace semiseg

#define SEMISEG_MPI(call)                                    \
  do {                                                       \
    if (const int code_ = (call); code_ != MPI_SUCCESS)      \
      ::semiseg::fail_mpi(code_, #call, __FILE__, __LINE__); \
  } while (false)
