// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/run_cost.h"

#include <ATen/Functions.h>
#include <sys/resource.h>

#include <filesystem>
#include <set>

#include "framework/core/device.h"
#include "framework/core/log.h"
#include "framework/record/run/run_account.h"

namespace semiseg {
namespace {

std::set<std::string> patients_of(const Run& run, Split split) {
  std::set<std::string> patients;
  for (const CaseInfo& one : run.data.source->cases()) {
    if (one.split == split) patients.insert(one.patient);
  }
  return patients;
}

int64_t parameters_of(const Run& run) {
  const Backbone* network = run.model.method->predictor().network();
  int64_t count = 0;
  if (!network) return count;
  for (const NamedTensor& parameter : network->parameters()) count += parameter.value.numel();
  return count;
}

int64_t peak_bytes() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return usage.ru_maxrss * int64_t{1024};
}

// A damaged account is begun anew: the cost of a run is no reason to lose it.
RunAccount account_so_far(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return {};
  try {
    return read_account(path);
  } catch (const std::exception& error) {
    log::warn("the cost of earlier starts is lost:\n{}", error.what());
    return {};
  }
}

}  // namespace

int64_t labels_touched(const Run& run) {
  std::set<std::string> patients(run.data.pools.labelled_patients.begin(),
                                 run.data.pools.labelled_patients.end());
  if (run.options.protocol.validate_every > 0)
    patients.merge(patients_of(run, run.selection_split().value_or(Split::kVal)));
  return std::ssize(patients);
}

int64_t label_budget(const Run& run) {
  const bool is_strict = run.options.general.budget == "strict";
  const int64_t selecting = is_strict ? std::ssize(patients_of(run, Split::kVal)) : 0;
  return std::ssize(run.data.pools.labelled_patients) + selecting;
}

double forward_passes(const Run& run, int64_t images) {
  at::Tensor sum = at::full({1}, static_cast<double>(images), at::kDouble);
  run.model.comm->all_reduce(sum, "images of the forward passes");
  return sum.item<double>() / static_cast<double>(run.options.protocol.batch);
}

void record_account(const RunFolder& folder, const Run& run, const StartCost& start) {
  RunAccount account = account_so_far(folder / kAccountFile);
  const auto selecting = run.selection_split();
  account.labelled_patients = std::ssize(run.data.pools.labelled_patients);
  account.selection_patients = selecting ? std::ssize(patients_of(run, *selecting)) : 0;
  account.labels_touched = labels_touched(run);
  account.devices = run.model.comm->size();
  account.device_seconds += start.seconds * static_cast<double>(account.devices);
  account.starts += 1;
  account.peak_host_bytes = peak_bytes();
  account.peak_device_bytes = peak_device_bytes(run.model.device);
  account.parameters = parameters_of(run);
  account.counted_steps += start.steps;
  account.forward_passes += start.forward_passes;
  write_account(folder / kAccountFile, account);
}

}  // namespace semiseg
