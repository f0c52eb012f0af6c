// SPDX-License-Identifier: Apache-2.0
#include "cluster/slurm/job_script.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "cluster/slurm/job_shell.h"
#include "framework/core/error.h"

namespace semiseg::cluster {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./:,=@%+-[]").find(c) != std::string_view::npos;
}

// The value of an option in a line #SBATCH. Between double quotes sbatch takes all but quotes and
// backslashes as they are.
std::string directive_value(const std::string& text) {
  const bool is_bad = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '"' || c == '\\' || c == 127;
  });
  if (is_bad) {
    throw Error(ErrorKind::kConfig,
                {.what = "a name that a line of sbatch cannot hold",
                 .where = text,
                 .expected = "one line without quotation marks and backslashes",
                 .fix = "choose another cluster.name or another folder (run.root)"});
  }
  return std::all_of(text.begin(), text.end(), is_word) && !text.empty() ? text : '"' + text + '"';
}

class Directives {
 public:
  void flag(const std::string& name) { text_ += "#SBATCH --" + name + "\n"; }
  void set(const std::string& name, const std::string& value) {
    if (!value.empty()) text_ += "#SBATCH --" + name + "=" + directive_value(value) + "\n";
  }
  void set(const std::string& name, int64_t value) { set(name, std::to_string(value)); }
  void add(const std::string& option) {
    const size_t equals = option.find('=');
    if (equals == std::string::npos) return flag(option.substr(2));
    set(option.substr(2, equals - 2), option.substr(equals + 1));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Slurm replaces %j and the like in the name of the log; %% is a percent sign.
std::string without_patterns(const std::string& path) {
  std::string result;
  for (const char c : path) result += c == '%' ? "%%" : std::string(1, c);
  return result;
}

std::string array_option(const JobScript& job) {
  std::vector<int64_t> numbers;
  for (const JobTasks& one : job.jobs) numbers.push_back(one.number - job.first);
  const std::string limit = job.at_once > 0 ? fmt::format("%{}", job.at_once) : "";
  return array_range(numbers) + limit;
}

std::string directives(const JobScript& job) {
  const Resources& r = job.resources;
  Directives d;
  d.set("job-name", r.name.empty() ? job.name : r.name);
  if (job.is_array) d.set("array", array_option(job));
  d.set("chdir", job.working);
  d.set("output", without_patterns(job.folder) + "/" + log_name(job.is_array));
  d.set("open-mode", "append");
  d.flag("requeue");
  d.set("nodes", r.nodes);
  d.set("ntasks-per-node", r.tasks_per_node);
  d.set("cpus-per-task", r.cpus_per_task);
  if (r.gpus_per_task > 0) d.set("gpus-per-node", r.gpus_per_task * r.tasks_per_node);
  d.set("gres", r.gres);
  d.set("mem", r.mem);
  if (r.seconds) d.set("time", slurm_time(*r.seconds));
  d.set("partition", r.partition);
  d.set("account", r.account);
  d.set("qos", r.qos);
  d.set("constraint", r.constraint);
  d.set("exclude", r.exclude);
  if (r.exclusive) d.flag("exclusive");
  // srun's tasks get the signal themselves; mpirun and the tasks of a pack get it from the shell.
  d.set("signal",
        fmt::format("{}USR1@{}", r.start == "srun" && job.pack == 1 ? "" : "B:", r.signal_before));
  for (const std::string& option : r.options) d.add(option);
  return d.text();
}

std::string words(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(shell_quoted(text));
  return fmt::format("{}", fmt::join(quoted, " "));
}

std::string arguments_of(const Task& task) {
  return fmt::format("{}) arguments=({}) ;;\n", task.index, words(task.arguments));
}

std::string choice_of_arguments(const JobScript& job) {
  if (!job.is_array) {
    const Task& task = job.jobs.front().tasks.front();
    return fmt::format("task={}\narguments=({})\n", task.index, words(task.arguments));
  }
  std::string text = fmt::format("task=$((SLURM_ARRAY_TASK_ID + {}))\ncase $task in\n", job.first);
  for (const JobTasks& one : job.jobs) text += "  " + arguments_of(one.tasks.front());
  return text + "esac\n";
}

// Sets `tasks`, those of this job, and a function that chooses `arguments`.
std::string choice_of_pack(const JobScript& job) {
  std::string choice, functions = "arguments_of() {\n  case $1 in\n";
  for (const JobTasks& one : job.jobs) {
    std::vector<int64_t> indices;
    for (const Task& task : one.tasks) {
      indices.push_back(task.index);
      functions += "    " + arguments_of(task);
    }
    const std::string tasks = fmt::format("tasks=({})", fmt::join(indices, " "));
    choice +=
        job.is_array ? fmt::format("  {}) {} ;;\n", one.number - job.first, tasks) : tasks + "\n";
  }
  if (job.is_array) choice = "case $SLURM_ARRAY_TASK_ID in\n" + choice + "esac\n";
  return choice + functions + "  esac\n}\ntask=${tasks[*]}\n";
}

// Tasks of a pack share the cores.
std::string set_up(const Resources& r, int64_t pack) {
  std::string text = "set -e\n";
  if (!r.modules.empty()) text += "command -v module >/dev/null || . /etc/profile\n";
  for (const std::string& module : r.modules) text += "module load " + shell_quoted(module) + "\n";
  for (const std::string& line : r.setup) text += line + "\n";
  return text + fmt::format("export OMP_NUM_THREADS={}\nset +e\n",
                            std::max<int64_t>(1, r.cpus_per_task / pack));
}

// The program's words, with the container around it.
std::string program_words(const JobScript& job) {
  const Resources& r = job.resources;
  if (r.container.empty()) return shell_quoted(r.program.empty() ? job.program : r.program);
  std::vector<std::string> container = {"apptainer", "exec"};
  if (r.gpus_per_task > 0 || !r.gres.empty()) container.emplace_back("--nv");
  for (const auto& folder : {job.working, job.folder}) {
    container.emplace_back("--bind");
    container.push_back(folder);
  }
  container.insert(container.end(), r.container_options.begin(), r.container_options.end());
  container.push_back(r.container);
  container.push_back(r.program.empty() ? "semiseg" : r.program);
  return words(container);
}

// The part of the script that runs the program and sets `code`.
std::string start(const JobScript& job) {
  const Resources& r = job.resources;
  if (job.pack > 1) return kPackBegin + program_words(job) + kPackEnd;
  std::vector<std::string> starter;
  if (r.start == "srun") {
    starter = {"srun", "--mpi=" + r.mpi, "--kill-on-bad-exit=1", "--export=ALL",
               fmt::format("--cpus-per-task={}", r.cpus_per_task)};
  } else {
    starter = {"mpirun", "-n", std::to_string(r.tasks()), "--bind-to", "none"};
  }
  starter.insert(starter.end(), r.start_options.begin(), r.start_options.end());
  const std::string command = words(starter) + " " + program_words(job) + " \"${arguments[@]}\"";
  return fmt::format(fmt::runtime(r.start == "srun" ? kSrun : kMpirun), command);
}

}  // namespace

std::string shell_quoted(const std::string& text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_word) &&
      text.find('[') == std::string::npos)
    return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? "'\\''" : std::string(1, c);
  return result + "'";
}

std::string log_name(bool is_array) { return is_array ? "%A_%a.log" : "%j.log"; }

std::string slurm_time(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(seconds));
  return fmt::format("{}-{:02}:{:02}:{:02}", whole / 86400, whole / 3600 % 24, whole / 60 % 60,
                     whole % 60);
}

std::string array_range(const std::vector<int64_t>& indices) {
  std::string text;
  for (size_t i = 0; i < indices.size();) {
    size_t end = i + 1;
    while (end < indices.size() && indices[end] == indices[end - 1] + 1) ++end;
    text += (text.empty() ? "" : ",") + std::to_string(indices[i]);
    if (end > i + 1) text += "-" + std::to_string(indices[end - 1]);
    i = end;
  }
  return text;
}

std::vector<JobTasks> jobs_of(std::vector<Task> tasks, int64_t pack) {
  std::sort(tasks.begin(), tasks.end(),
            [](const Task& a, const Task& b) { return a.index < b.index; });
  std::vector<JobTasks> jobs;
  for (Task& task : tasks) {
    const bool is_full = jobs.empty() || std::ssize(jobs.back().tasks) == pack;
    if (is_full) jobs.push_back({.number = pack > 1 ? std::ssize(jobs) : task.index});
    jobs.back().tasks.push_back(std::move(task));
  }
  return jobs;
}

std::string job_script(const JobScript& job) {
  SEMISEG_CHECK(job.is_array || job.jobs.size() == 1, "a plain job is one");
  const Resources& r = job.resources;
  return "#!/bin/bash\n# Written by semiseg; sbatch submits it again.\n" + directives(job) +
         fmt::format("\nfolder={}\nmax_timeouts={} max_preemptions={}\n", shell_quoted(job.folder),
                     r.max_timeouts, r.max_preemptions) +
         (job.pack > 1 ? choice_of_pack(job) : choice_of_arguments(job)) + kCountOfRestarts + "\n" +
         set_up(r, job.pack) + start(job) + kEndOfJob;
}

}  // namespace semiseg::cluster
