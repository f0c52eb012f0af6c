// SPDX-License-Identifier: Apache-2.0
// The parts of a job script that are the same in every job. They use the variables `folder`,
// `task`, `max_timeouts` and `max_preemptions`, and leave the state of a job in
// FOLDER/restarts.JOB: how many times it was requeued because its time was over, and because it lost
// its nodes.
#pragma once

namespace semiseg::cluster {

// Sets `job`, the name of this job or array task for scontrol, and checks the limit of preemptions.
// Slurm restarts a job without asking the script when a node fails and when a preempted job did not
// stop in time; such restarts are those beyond the counted ones.
inline constexpr const char* kCountOfRestarts =
    R"(job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID} job=${job:-$SLURM_JOB_ID}
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
)";

// {} is the command. Signals reach the tasks of srun without the shell.
inline constexpr const char* kSrun = "{}\ncode=$?\n";

// mpirun passes USR1 to its ranks. The first wait ends with the trap; the next one waits on.
inline constexpr const char* kMpirun =
    R"({} &
pid=$!
trap 'kill -USR1 "$pid"' USR1
while
  wait "$pid"
  code=$?
  kill -0 "$pid" 2>/dev/null
do :; done
)";

// A pack: every task is a process of this shell with a log of its own, and the GPUs go round. The
// command stands between the two parts. A task that has ended leaves its exit code in
// FOLDER/ended.JOB.TASK and does not start again after a requeue; one that stopped and saved, or that
// a signal ended, does. The outcome of the job is that of a task to resume, else the first failure.
inline constexpr const char* kPackBegin =
    R"(IFS=, read -ra gpus <<<"$CUDA_VISIBLE_DEVICES"
pids=() code=0
trap 'kill -USR1 "${pids[@]}" 2>/dev/null' USR1
for place in "${!tasks[@]}"; do
  task=${tasks[place]}
  [ ! -f "$folder/ended.$job.$task" ] || continue
  arguments_of "$task"
  (
    export SEMISEG_OUTCOME=$folder/outcome.$job.$task
    rm -f "$SEMISEG_OUTCOME"
    ((${#gpus[@]} == 0)) || export CUDA_VISIBLE_DEVICES=${gpus[place % ${#gpus[@]}]}
    exec )";
inline constexpr const char* kPackEnd =
    R"( "${arguments[@]}" >>"$folder/$task.log" 2>&1
  ) &
  pids[place]=$!
done
for place in "${!tasks[@]}"; do
  task=${tasks[place]} pid=${pids[place]} SEMISEG_OUTCOME=$folder/outcome.$job.${tasks[place]}
  resumes=
  if [ -z "$pid" ]; then
    one=$(cat "$folder/ended.$job.$task")
  else
    while
      wait "$pid"
      one=$?
      kill -0 "$pid" 2>/dev/null
    do :; done
    if [ "$one" = 5 ] && ! grep -qs '^reason: .*--stop' "$SEMISEG_OUTCOME"; then resumes=yes; fi
    if [ -z "$resumes" ] && ((one < 128)); then echo "$one" >"$folder/ended.$job.$task"; fi
    [ "$one" = 0 ] || echo "semiseg job $job: task $task ended with exit code $one" >&2
  fi
  if [ -n "$resumes" ] || [ "$code" = 0 ]; then code=$one outcome=$SEMISEG_OUTCOME; fi
done
SEMISEG_OUTCOME=$outcome
)";

// A run that stopped and saved (exit code 5) is requeued, unless `semiseg train --stop` asked for
// it, and so is any preempted one. The program's own record counts before the starter's exit code,
// because srun reports 143 when ranks leave at different times. After `scontrol requeue` Slurm ends
// this shell.
inline constexpr const char* kEndOfJob =
    R"(outcome() { sed -n "s/^$1: //p" "$SEMISEG_OUTCOME" 2>/dev/null; }
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

}  // namespace semiseg::cluster
