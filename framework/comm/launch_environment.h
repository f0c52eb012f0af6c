// SPDX-License-Identifier: Apache-2.0
// What the environment says of the ranks that were started: by mpirun, by srun, or one alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace semiseg {

struct LaunchEnvironment {
  std::string launcher;  // "mpirun", "srun", empty: started alone
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;  // among the ranks on this machine
  int own_gpus = 0;                    // that Slurm gave to each rank alone; 0: they share all
  std::string job;                     // id of the batch job, empty outside one

  // From the variables of Open MPI and Slurm. The shell of a batch script, which is no task of a
  // job step, counts as started alone.
  static LaunchEnvironment read(const std::map<std::string, std::string>& variables);

  // Index of this rank's GPU among the `in_sight` that it sees: all of its machine, or only its
  // own.
  int gpu(int in_sight) const;
};

// What MPI found must be what was asked for: `mpi_size` ranks, as many as the launcher started,
// [comm] ranks (0: any). kConfig naming the launch option that is missing.
void check_world(const LaunchEnvironment& environment, int mpi_size, int64_t configured_ranks);

}  // namespace semiseg
