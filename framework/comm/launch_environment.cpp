// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/launch_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "framework/core/error.h"

namespace semiseg {
namespace {

using Variables = std::map<std::string, std::string>;

std::string text(const Variables& variables, const std::string& name) {
  const auto found = variables.find(name);
  return found == variables.end() ? "" : found->second;
}

// 0 when the text does not begin with a number.
int leading_number(const std::string& value) {
  int result = 0;
  std::from_chars(value.data(), value.data() + value.size(), result);
  return result;
}

int number(const Variables& variables, const std::string& name) {
  return leading_number(text(variables, name));
}

// The entry of one node in Slurm's list of numbers, in which "2(x3),1" stands for 2, 2, 2, 1.
int tasks_of_node(const std::string& list, int node) {
  std::istringstream entries(list);
  int first = 0;
  for (std::string entry; std::getline(entries, entry, ',');) {
    const size_t times = entry.find("(x");
    first += times == std::string::npos ? 1 : leading_number(entry.substr(times + 2));
    if (node < first) return leading_number(entry);
  }
  return 0;
}

// A launcher that MPI does not know: where it says how many processes it has started, and which of
// them this is.
struct ForeignLauncher {
  const char *size, *rank, *name;
};
constexpr ForeignLauncher kForeign[] = {
    {"WORLD_SIZE", "RANK", "torchrun, or a launcher like it,"},
    {"PMI_SIZE", "PMI_RANK", "mpiexec of another MPI (MPICH, Intel MPI)"},
    {"MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "mpirun of MVAPICH"},
};

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
    e.local_size = std::max(1, tasks_of_node(text(variables, "SLURM_STEP_TASKS_PER_NODE"),
                                             number(variables, "SLURM_NODEID")));
  }
  return e;
}

void check_launcher(const Variables& variables) {
  const LaunchEnvironment e = LaunchEnvironment::read(variables);
  if (e.launcher == "mpirun") return;
  for (const auto& [size, rank, name] : kForeign) {
    const int started = number(variables, size);
    if (started <= 1 || started == e.size) continue;
    throw Error(
        ErrorKind::kConfig,
        {.what = fmt::format("{} has started several processes, which semiseg's MPI cannot "
                             "connect",
                             name),
         .where = fmt::format("{}={}", size, started),
         .expected = "mpirun of Open MPI, or srun",
         .got = fmt::format("{} processes that would each train alone", started),
         .fix = fmt::format("mpirun -n {} semiseg …  or  srun --mpi=pmix --ntasks={} semiseg "
                            "…;  for one process:  env -u {} semiseg …",
                            started, started, size)});
  }
  const bool can_connect =
      std::any_of(variables.begin(), variables.end(), [](const auto& variable) {
        return variable.first.starts_with("PMIX_") || variable.first.starts_with("PMI_");
      });
  if (e.launcher == "srun" && e.size > 1 && !can_connect) {
    throw Error(
        ErrorKind::kConfig,
        {.what = "srun has started several tasks without the means to find each other",
         .where = fmt::format("SLURM_STEP_NUM_TASKS={}", e.size),
         .expected = "variables of PMIx (PMIX_RANK)",
         .got = "none",
         .fix = "srun --mpi=pmix semiseg …  (srun --mpi=list shows what there is; without "
                "pmix there, start mpirun inside the job);  for one rank in a shell of srun "
                "--pty:  env -u SLURM_STEP_ID semiseg …"});
  }
}

int process_number(const Variables& variables) {
  const LaunchEnvironment e = LaunchEnvironment::read(variables);
  if (e.size > 1) return e.rank;
  for (const ForeignLauncher& foreign : kForeign) {
    if (variables.contains(foreign.rank)) return number(variables, foreign.rank);
  }
  return 0;
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
