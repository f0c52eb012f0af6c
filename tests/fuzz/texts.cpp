// SPDX-License-Identifier: Apache-2.0
// Configuration, overrides, the JSON of run folders and data sets, and lists of cases.
#include <regex>
#include <sstream>

#include "datasets/nnunet/nnunet_plans.h"
#include "datasets/nnunet/nnunet_raw_json.h"
#include "framework/config/compose.h"
#include "framework/data/archive/case_list.h"
#include "framework/record/report/report.h"
#include "framework/record/run/dataset_record.h"
#include "framework/record/run/metrics_log.h"
#include "framework/record/run/run_state.h"
#include "framework/record/run/run_summary.h"
#include "tests/fuzz/target.h"

namespace semiseg::fuzz {
namespace {

bool read_toml(const std::string& bytes) {
  return accepts([&] { parse_config(bytes); });
}

// One override a line.
bool read_overrides(const std::string& bytes) {
  const std::string base = "seed = 1\n[method]\nname = \"cps\"\nlist = [1, 2]\n";
  return accepts([&] {
    std::string line;
    std::vector<std::string> changes;
    for (std::istringstream lines(bytes); std::getline(lines, line);) changes.push_back(line);
    const auto path = file("config/base.toml", base);
    compose({.search = {path.parent_path()}, .overrides = changes});
  });
}

// The same bytes under the name of each file of a run.
bool read_json(const std::string& bytes) {
  const auto run = file("run/state.json", bytes).parent_path();
  for (const char* name : {"summary.json", "dataset.json", "metrics.jsonl", "worst_cases.json",
                           "provenance.json", "config.toml"})
    file(std::string("run/") + name, bytes);
  const bool is_state = accepts([&] { read_run_state(run); }),
             is_summary = accepts([&] { read_run_summary(run / "summary.json"); }),
             is_record = accepts([&] { read_dataset_record(run); }),
             is_log = accepts([&] { read_metrics_log(run / "metrics.jsonl"); }),
             is_nnunet = accepts([&] { read_nnunet_description(run / "dataset.json"); }),
             is_plans = accepts([&] { read_nnunet_plans(run / "dataset.json", "2d"); }),
             is_run = accepts([&] { report_data({{.folder = run}}, 0); });
  return is_state || is_summary || is_record || is_log || is_nnunet || is_plans || is_run;
}

bool read_list(const std::string& bytes) {
  static const std::regex form("patient[0-9]{3}_frame[0-9]{2}(_slice_[0-9]+)?|[A-Za-z0-9]+");
  const auto path = file("train.list", bytes);
  return accepts([&] { read_case_list(path, form, "patient001_frame01"); });
}

[[maybe_unused]] const bool texts_registered = add({"toml", read_toml}) &&
                                               add({"override", read_overrides}) &&
                                               add({"json", read_json}) && add({"list", read_list});

}  // namespace
}  // namespace semiseg::fuzz
