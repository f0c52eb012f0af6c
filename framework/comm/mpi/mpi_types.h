// SPDX-License-Identifier: Apache-2.0
// Maps dtypes to MPI types and reductions.
#pragma once

#include <ATen/core/Tensor.h>
#include <mpi.h>

namespace semiseg {

// Returns the MPI type. Throws kInternal for a dtype that is never sent.
MPI_Datatype mpi_type(at::ScalarType type);

// Returns the sum operation. MPI lacks 16-bit floats: they are added in float32, value by value.
MPI_Op mpi_sum(at::ScalarType type);

}  // namespace semiseg
