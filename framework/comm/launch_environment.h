// SPDX-License-Identifier: Apache-2.0
// Reads from the environment how ranks were started: by mpirun, by srun, or as one process.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace semiseg {

struct LaunchEnvironment {
  std::string launcher;  // "mpirun", "srun", empty: started alone
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;  // among the ranks on this machine
  std::string job;                     // id of the batch job, empty outside one

  // Reads the variables of Open MPI and Slurm. The shell of a batch script, which is no task of a
  // job step, counts as started alone.
  static LaunchEnvironment read(const std::map<std::string, std::string>& variables);
};

// Checks before MPI starts that it can find the other ranks: with Slurm but without PMIx it would end
// the process with a page of its own, and under a launcher that it does not know (torchrun, mpiexec
// of another MPI) every process would think it is alone. Throws kConfig with the command to use.
void check_launcher(const std::map<std::string, std::string>& variables);

// Returns the number of this process among those that any launcher, known or not, started together.
int process_number(const std::map<std::string, std::string>& variables);

// Checks that MPI found as many ranks (`mpi_size`) as the launcher started and as [comm] ranks asks
// for (0: any). Throws kConfig naming the launch option that is missing.
void check_world(const LaunchEnvironment& environment, int mpi_size, int64_t configured_ranks);

}  // namespace semiseg
