// SPDX-License-Identifier: Apache-2.0
// The debug mode [comm] check: do all ranks call the same collective with the same name and size?
#pragma once

#include <ATen/core/Tensor.h>
#include <mpi.h>

#include <string_view>

namespace semiseg {

// Collective, before the one that is checked. kRank listing what each rank calls when they differ.
// An undefined tensor has no size to compare.
void check_same_call(MPI_Comm comm, std::string_view kind, std::string_view name,
                     const at::Tensor& value);

}  // namespace semiseg
