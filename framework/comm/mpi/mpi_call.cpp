// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/mpi/mpi_call.h"

#include <fmt/format.h>
#include <unistd.h>

#include <string>

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

}  // namespace semiseg
