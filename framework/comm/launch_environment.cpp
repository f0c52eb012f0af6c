// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/launch_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "framework/core/error.h"

namespace semiseg {
namespace {

using Variables = std::map<std::string, std::string>;

std::string text(const Variables& variables, const std::string& name) {
  const auto found = variables.find(name);
  return found == variables.end() ? "" : found->second;
}

// The leading number: "4" and also Slurm's "4(x2)". 0 when there is none.
int leading_number(const std::string& value) {
  int result = 0;
  std::from_chars(value.data(), value.data() + value.size(), result);
  return result;
}

int number(const Variables& variables, const std::string& name) {
  return leading_number(text(variables, name));
}

}  // namespace

LaunchEnvironment LaunchEnvironment::read(const Variables& variables) {
  LaunchEnvironment e;
  e.job = text(variables, "SLURM_JOB_ID");
  if (variables.contains("OMPI_COMM_WORLD_SIZE")) {
    // Also inside a job: there Slurm's variables are those of mpirun's own tasks.
    e.launcher = "mpirun";
    e.rank = number(variables, "OMPI_COMM_WORLD_RANK");
    e.size = number(variables, "OMPI_COMM_WORLD_SIZE");
    e.local_rank = number(variables, "OMPI_COMM_WORLD_LOCAL_RANK");
    e.local_size = std::max(1, number(variables, "OMPI_COMM_WORLD_LOCAL_SIZE"));
  } else if (variables.contains("SLURM_STEP_ID")) {
    // Only tasks of srun have it; a batch script's shell has SLURM_PROCID and SLURM_NTASKS too.
    e.launcher = "srun";
    e.rank = number(variables, "SLURM_PROCID");
    e.size = std::max(1, number(variables, "SLURM_STEP_NUM_TASKS"));
    e.local_rank = number(variables, "SLURM_LOCALID");
    e.local_size = std::max(1, number(variables, "SLURM_STEP_TASKS_PER_NODE"));
    const std::string gpus = text(variables, "SLURM_GPUS_PER_TASK");  // "2" or "a100:2"
    e.own_gpus = leading_number(gpus.substr(gpus.rfind(':') + 1));
  }
  return e;
}

int LaunchEnvironment::gpu(int in_sight) const {
  return own_gpus > 0 && in_sight == own_gpus ? 0 : local_rank;
}

void check_world(const LaunchEnvironment& environment, int mpi_size, int64_t configured_ranks) {
  if (environment.launcher == "srun" && environment.size != mpi_size) {
    throw Error(
        ErrorKind::kConfig,
        {.what = "Slurm started several tasks, but they cannot connect to each other",
         .expected = fmt::format("{} ranks (SLURM_STEP_NUM_TASKS)", environment.size),
         .got = fmt::format("{} ranks in MPI's world", mpi_size),
         .fix = "for one rank in a shell of srun --pty:  env -u SLURM_STEP_ID semiseg …;  for all "
                "of them "
                "start with  srun --mpi=pmix semiseg …  (srun --mpi=list shows what there is)"});
  }
  if (environment.launcher == "mpirun" && environment.size != mpi_size) {
    throw Error(ErrorKind::kConfig,
                {.what = "mpirun started several processes, but they cannot connect to each other",
                 .expected = fmt::format("{} ranks (OMPI_COMM_WORLD_SIZE)", environment.size),
                 .got = fmt::format("{} ranks in MPI's world", mpi_size),
                 .fix = "use the mpirun of the Open MPI that semiseg was built with"});
  }
  if (configured_ranks > 0 && configured_ranks != mpi_size) {
    throw Error(ErrorKind::kConfig,
                {.what = "the run was started with another number of ranks than it asks for",
                 .where = "comm.ranks",
                 .expected = fmt::format("{} ranks", configured_ranks),
                 .got = fmt::format("{}", mpi_size),
                 .fix = fmt::format("start with  mpirun -n {} semiseg …  or  srun --ntasks={} "
                                    "semiseg …,  or leave comm.ranks out",
                                    configured_ranks, configured_ranks)});
  }
}

}  // namespace semiseg
