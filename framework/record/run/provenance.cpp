// SPDX-License-Identifier: Apache-2.0
#include "framework/record/run/provenance.h"

#include <ATen/Parallel.h>
#include <sys/utsname.h>
#include <torch/version.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "framework/core/files.h"
#include "framework/core/plugins/plugin.h"
#include "framework/core/process.h"
#include "framework/record/run/run_state.h"
#include "framework/record/shown_text.h"

namespace semiseg {
namespace {

bool is_kept(const std::string& variable) {
  return variable.starts_with("OMP_") || variable.starts_with("MKL_") ||
         variable.starts_with("NCCL_") || variable == "CUDA_VISIBLE_DEVICES" ||
         variable == "SLURM_JOB_ID";
}

std::string processor_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string system_name() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

}  // namespace

std::string provenance_json(const ProvenanceRequest& request) {
  const RunHolder process = this_process("", request.now);
  nlohmann::ordered_json environment = nlohmann::ordered_json::object();
  for (const auto& [name, value] : request.environment) {
    if (is_kept(name)) environment[name] = value;
  }
  nlohmann::ordered_json plugins = nlohmann::ordered_json::array();
  for (const LoadedPlugin& plugin : loaded_plugins())
    plugins.push_back({{"path", plugin.path}, {"xxh3", plugin.checksum}});
  nlohmann::ordered_json tuning;
  if (request.tried > 0) tuning["configurations"] = request.tried;
  const nlohmann::ordered_json json = {{"date", iso_time(request.now)},
                                       {"version", request.version},
                                       {"git_revision", request.git_revision},
                                       {"command_line", request.command_line},
                                       {"tuning", tuning},
                                       {"compiler", __VERSION__},
                                       {"libtorch", TORCH_VERSION},
                                       {"ranks", request.ranks},
                                       {"machines", request.machines},
                                       {"labels_touched", request.labels_touched},
                                       {"threads", at::get_num_threads()},
                                       {"host", process.host},
                                       {"user", process.user},
                                       {"system", system_name()},
                                       {"processor", processor_model()},
                                       {"processor_threads", std::thread::hardware_concurrency()},
                                       {"environment", environment},
                                       {"plugins", plugins}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void write_provenance(const std::filesystem::path& path, const ProvenanceRequest& request) {
  write_file(path, provenance_json(request));
}

void record_provenance(const RunFolder& folder, const std::vector<std::string>& arguments,
                       const RunFacts& facts) {
  write_provenance(folder / "provenance.json", {.version = SEMISEG_VERSION,
                                                .git_revision = SEMISEG_REVISION,
                                                .command_line = arguments,
                                                .environment = environment(),
                                                .ranks = facts.ranks,
                                                .machines = facts.machines,
                                                .tried = facts.tried,
                                                .labels_touched = facts.labels_touched,
                                                .now = now_seconds()});
}

}  // namespace semiseg
