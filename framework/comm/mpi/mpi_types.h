// SPDX-License-Identifier: Apache-2.0
// Tensors as MPI sees them.
#pragma once

#include <ATen/core/Tensor.h>
#include <mpi.h>

namespace semiseg {

// kInternal for a dtype that no rank sends.
MPI_Datatype mpi_type(at::ScalarType type);

// The sum of this dtype. MPI knows no 16-bit floats: theirs are added in float32, value by value.
MPI_Op mpi_sum(at::ScalarType type);

}  // namespace semiseg
