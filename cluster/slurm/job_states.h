// SPDX-License-Identifier: Apache-2.0
// The states of jobs in the texts of squeue and sacct. The plain forms are read, because the JSON
// form changes with every release of Slurm.
#pragma once

#include <map>
#include <string>

#include "cluster/launcher.h"

namespace semiseg::cluster {

// The fields that the parsers below expect, as options of each client.
inline constexpr const char* kSqueueFields =
    "jobarrayid:|,state:|,exit_code:|,reason:|,nodelist:|,restartcnt:|";
inline constexpr const char* kSacctFields = "JobID,State,ExitCode,NodeList";

// By the name of the job or array task, "18" or "18_3". The index of the status is not set.
using JobStates = std::map<std::string, TaskStatus>;

// Lines that are not understood are left out.
JobStates parse_squeue(const std::string& text);
JobStates parse_sacct(const std::string& text);

// `exit_code` of the job's script. A failed job of code 5 stopped and saved.
TaskState task_state(const std::string& slurm_state, int exit_code);

}  // namespace semiseg::cluster
