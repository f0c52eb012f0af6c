// SPDX-License-Identifier: Apache-2.0
// The text of a Slurm job: a pure function of the job specification. Every name stands in quotes, so
// that none can become a command; only the lines of cluster.setup are shell.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cluster/launcher.h"
#include "cluster/resources.h"

namespace semiseg::cluster {

// The tasks of one job, or of one task of an array: one, or a pack of them that runs side by side.
struct JobTasks {
  int64_t number = 0;       // in the numbering of arrays
  std::vector<Task> tasks;  // in ascending order of their indices
};

// Returns the tasks by jobs. A job of one task has its index as its number; packs are counted.
std::vector<JobTasks> jobs_of(std::vector<Task> tasks, int64_t pack);

struct JobScript {
  Resources resources;
  std::string name;               // of the job, where resources.name is empty
  std::string program;            // where resources.program is empty
  std::filesystem::path folder;   // absolute: takes logs and counts of restarts
  std::filesystem::path working;  // absolute: the folder that the command was given in
  std::vector<JobTasks> jobs;     // in ascending order of their numbers
  bool is_array = false;          // false: one job
  int64_t first = 0;              // number of the job with number 0 in the array
  int64_t at_once = 0;            // running jobs of the array; 0: no limit
  int64_t pack = 1;               // most tasks of a job
};

// Returns the script. Throws kConfig when a folder or name cannot stand in a line of sbatch.
std::string job_script(const JobScript& job);

// Returns the text as one word of a shell.
std::string shell_quoted(const std::string& text);

// "%j.log" or, for an array, "%A_%a.log": the file name of a task's output in Slurm's form.
std::string log_name(bool is_array);

// The time as Slurm writes it, "1-02:30:00", rounded up to whole seconds.
std::string slurm_time(double seconds);

// Returns "0-4,7" for indices in ascending order, as Slurm writes tasks of an array.
std::string array_range(const std::vector<int64_t>& indices);

}  // namespace semiseg::cluster
