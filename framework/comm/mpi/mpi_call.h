// SPDX-License-Identifier: Apache-2.0
// Calls of MPI: every one goes through SEMISEG_MPI, so that an error becomes an Error with
// expression, place, rank and host; MPI types; and the debug mode [comm] check, which compares the
// collectives of all ranks.
#pragma once

#include <ATen/core/Tensor.h>
#include <mpi.h>

#include <string_view>

namespace semiseg {

// Throws kRank. Behind SEMISEG_MPI.
[[noreturn]] void fail_mpi(int code, const char* expression, const char* file, int line);

// Returns the MPI type. Throws kInternal for a dtype that is never sent.
MPI_Datatype mpi_type(at::ScalarType type);

// Returns the sum operation. MPI lacks 16-bit floats: they are added in float32, value by value.
MPI_Op mpi_sum(at::ScalarType type);

// Collective. Call it before the collective that it checks. Throws kRank listing what each rank
// calls when the calls differ. An undefined tensor has no size to compare.
void check_same_call(MPI_Comm comm, std::string_view kind, std::string_view name,
                     const at::Tensor& value);

}  // namespace semiseg

#define SEMISEG_MPI(call)                                    \
  do {                                                       \
    if (const int code_ = (call); code_ != MPI_SUCCESS)      \
      ::semiseg::fail_mpi(code_, #call, __FILE__, __LINE__); \
  } while (false)
