// SPDX-License-Identifier: Apache-2.0
// The script of a job, whole: one plain job, one array in a container under mpirun; and names that
// try to become commands.
#include "cluster/slurm/job_script.h"

#include <gtest/gtest.h>
#include <stdio.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>

#include "cluster/command.h"
#include "framework/core/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg::cluster {
namespace {
namespace fs = std::filesystem;

JobScript plain_job() {
  JobScript job{.name = "bcp-acdc",
                .program = "/opt/semiseg/bin/semiseg",
                .folder = "/data/runs/jobs/bcp",
                .working = "/data",
                .jobs = jobs_of({{.index = 0, .arguments = {"train", "method=bcp", "labelled=7"}}},
                                /*pack=*/1)};
  job.resources.nodes = 2;
  job.resources.tasks_per_node = 2;
  job.resources.time = "24:00:00";
  job.resources.seconds = 86400;
  job.resources.partition = "gpu";
  job.resources.gpus_per_task = 1;
  return job;
}

const char* const kPlain = R"(#!/bin/bash
# Written by semiseg; sbatch submits it again.
#SBATCH --job-name=bcp-acdc
#SBATCH --chdir=/data
#SBATCH --output=/data/runs/jobs/bcp/%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=4
#SBATCH --gpus-per-node=2
#SBATCH --time=1-00:00:00
#SBATCH --partition=gpu
#SBATCH --signal=USR1@120

folder=/data/runs/jobs/bcp
max_timeouts=50 max_preemptions=100
task=0
arguments=(train method=bcp labelled=7)
job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID} job=${job:-$SLURM_JOB_ID}
counts=$folder/restarts.$job timeouts=0 preemptions=0
[ ! -f "$counts" ] || read -r timeouts preemptions <"$counts"
keep_counts() { echo "$timeouts $preemptions" >"$counts.part" && mv "$counts.part" "$counts"; }
give_up() {
  echo "semiseg job $job: $1; submit the same command to go on" >&2
  exit 5
}
if ((${SLURM_RESTART_COUNT:-0} > timeouts + preemptions)); then
  preemptions=$((SLURM_RESTART_COUNT - timeouts))
  keep_counts
fi
((preemptions <= max_preemptions)) || give_up "it lost its nodes $preemptions times"
echo "semiseg job $job: task $task on $SLURM_JOB_NODELIST, $timeouts time-outs and $preemptions preemptions before"
export SEMISEG_OUTCOME=$folder/outcome.$job
rm -f "$SEMISEG_OUTCOME"

set -e
export OMP_NUM_THREADS=4
set +e
srun --mpi=pmix --kill-on-bad-exit=1 --export=ALL --cpus-per-task=4 /opt/semiseg/bin/semiseg "${arguments[@]}"
code=$?
outcome() { sed -n "s/^$1: //p" "$SEMISEG_OUTCOME" 2>/dev/null; }
[ ! -f "$SEMISEG_OUTCOME" ] || code=$(outcome code)
[ "$code" != 0 ] || exit 0
[[ $(scontrol -o show job "$job" 2>/dev/null) =~ ' PreemptTime='([^ ]+) ]]
preempted=${BASH_REMATCH[1]:-None}
if [ "$preempted" != None ]; then
  preemptions=$((preemptions + 1)) why=preempted
elif [ "$code" = 5 ] && [[ $(outcome reason) != *--stop* ]]; then
  timeouts=$((timeouts + 1)) why="out of time"
else
  exit "$code"
fi
((timeouts <= max_timeouts)) || give_up "its time was over $timeouts times"
((preemptions <= max_preemptions)) || give_up "it lost its nodes $preemptions times"
keep_counts
echo "semiseg job $job: $why ($(outcome reason)); requeued to resume"
for pause in 1 2 4 8 16 32; do
  scontrol requeue "$job" && sleep 600
  sleep $pause
done
give_up "Slurm does not requeue it"
)";

// The text from `from` up to the line before `to`.
std::string part(const std::string& text, const std::string& from, const std::string& to) {
  const size_t begin = text.find(from), end = text.find(to, begin);
  EXPECT_NE(begin, std::string::npos) << from;
  EXPECT_NE(end, std::string::npos) << to;
  return text.substr(begin, end - begin);
}

TEST(JobScript, OfOneRun) { EXPECT_EQ(job_script(plain_job()), kPlain); }

TEST(JobScript, OfAnArrayInAContainerUnderMpirun) {
  JobScript job{.name = "sweep",
                .program = "/opt/semiseg",
                .folder = "/data/my sweeps/100%",
                .working = "/data",
                .jobs = jobs_of({{.index = 1005, .arguments = {"train", "run.dir=a 'b'"}},
                                 {.index = 1001, .arguments = {"train", "seed=0"}},
                                 {.index = 1002, .arguments = {"train", "seed=1"}}},
                                /*pack=*/1),
                .is_array = true,
                .first = 1001,
                .at_once = 2};
  Resources& r = job.resources;
  r.name = "my sweep";
  r.start = "mpirun";
  r.start_options = {"--mca", "btl", "self,tcp"};
  r.gres = "gpu:a100:2";
  r.mem = "64G";
  r.account = "lab 7";
  r.qos = "long";
  r.constraint = "a100|h100";
  r.exclude = "n[1-3]";
  r.exclusive = true;
  r.options = {"--reservation=x", "--hold"};
  r.modules = {"gcc/12", "openmpi"};
  r.setup = {"source /data/env.sh"};
  r.container = "/data/semiseg.sif";
  r.container_options = {"--bind=/scratch"};
  const std::string text = job_script(job);
  EXPECT_EQ(part(text, "#SBATCH", "job=${"), R"(#SBATCH --job-name="my sweep"
#SBATCH --array=0-1,4%2
#SBATCH --chdir=/data
#SBATCH --output="/data/my sweeps/100%%/%A_%a.log"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --gres=gpu:a100:2
#SBATCH --mem=64G
#SBATCH --account="lab 7"
#SBATCH --qos=long
#SBATCH --constraint="a100|h100"
#SBATCH --exclude=n[1-3]
#SBATCH --exclusive
#SBATCH --signal=B:USR1@120
#SBATCH --reservation=x
#SBATCH --hold

folder='/data/my sweeps/100%'
max_timeouts=50 max_preemptions=100
task=$((SLURM_ARRAY_TASK_ID + 1001))
case $task in
  1001) arguments=(train seed=0) ;;
  1002) arguments=(train seed=1) ;;
  1005) arguments=(train 'run.dir=a '\''b'\''') ;;
esac
)");
  EXPECT_EQ(part(text, "set -e", "outcome()"), R"(set -e
command -v module >/dev/null || . /etc/profile
module load gcc/12
module load openmpi
source /data/env.sh
export OMP_NUM_THREADS=4
set +e
mpirun -n 1 --bind-to none --mca btl self,tcp apptainer exec --nv --bind /data --bind '/data/my sweeps/100%' --bind=/scratch /data/semiseg.sif semiseg "${arguments[@]}" &
pid=$!
trap 'kill -USR1 "$pid"' USR1
while
  wait "$pid"
  code=$?
  kill -0 "$pid" 2>/dev/null
do :; done
)");
}

// A stand-in for srun that writes its words, each ended by a zero byte, so that the script can be run
// by bash without Slurm.
const char* const kFakeSrun = "#!/bin/bash\nprintf '%s\\0' \"$@\" >\"$WORDS\"\n";

TEST(JobScript, NoNameBecomesACommand) {
  const TemporaryFolder folder;
  const std::string evil = "a'b\"c $(touch " + (folder / "made").string() + ") `touch " +
                           (folder / "made").string() + "`\n; touch " + (folder / "made").string() +
                           " # ${HOME} \\ *";
  JobScript job = plain_job();
  job.folder = folder / "it's $(x)";
  job.working = folder.path();
  job.jobs.front().tasks.front().arguments = {"train", evil};
  job.resources.start_options = {evil};
  fs::create_directories(job.folder);
  write_file(folder / "srun", kFakeSrun);
  fs::permissions(folder / "srun", fs::perms::owner_all);
  write_file(folder / "job.sh", job_script(job));
  const CommandResult result =
      run_command({"env", "PATH=" + folder.path().string() + ":/usr/bin:/bin",
                   "WORDS=" + (folder / "words").string(), "SLURM_JOB_ID=1",
                   "SLURM_JOB_NODELIST=n1", "bash", folder / "job.sh"},
                  20);
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_FALSE(fs::exists(folder / "made"));
  const std::string words = read_file(folder / "words");
  EXPECT_EQ(std::count(words.begin(), words.end(), '\0'), 8);
  EXPECT_TRUE(words.ends_with(std::string("train\0", 6) + evil + std::string("\0", 1)));
}

TEST(JobScript, NamesThatSbatchCannotTakeAreErrors) {
  for (const std::string name : {"a\"b", "a\nb", "a\\b"}) {
    JobScript job = plain_job();
    job.name = name;
    expect_error(ErrorKind::kConfig, {"a line of sbatch cannot hold", "cluster.name"},
                 [&] { job_script(job); });
    job = plain_job();
    job.folder = "/data/" + name;
    expect_error(ErrorKind::kConfig, {"a line of sbatch cannot hold", "run.root"},
                 [&] { job_script(job); });
  }
}

TEST(JobScript, TimesAndRanges) {
  EXPECT_EQ(slurm_time(90), "0-00:01:30");
  EXPECT_EQ(slurm_time(86400 + 3661.5), "1-01:01:02");
  EXPECT_EQ(array_range({0, 1, 2, 7, 9, 10}), "0-2,7,9-10");
  EXPECT_EQ(array_range({5}), "5");
}

}  // namespace
}  // namespace semiseg::cluster
