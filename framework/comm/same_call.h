// SPDX-License-Identifier: Apache-2.0
// The debug mode [comm] check: checks that all ranks call the same collective with the same name
// and size.
#pragma once

#include <ATen/core/Tensor.h>
#include <mpi.h>

#include <string_view>

namespace semiseg {

// Collective. Call it before the collective that it checks. Throws kRank listing what each rank
// calls when the calls differ. An undefined tensor has no size to compare.
void check_same_call(MPI_Comm comm, std::string_view kind, std::string_view name,
                     const at::Tensor& value);

}  // namespace semiseg
