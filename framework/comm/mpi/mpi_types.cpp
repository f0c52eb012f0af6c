// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/mpi/mpi_types.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <string>

#include "framework/comm/mpi/mpi_call.h"
#include "framework/core/error.h"

namespace semiseg {
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

}  // namespace semiseg
