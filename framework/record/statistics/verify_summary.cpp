// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/verify_summary.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/own_file.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/run/run_settings.h"
#include "framework/record/run/run_summary.h"
#include "framework/record/statistics/run_records.h"
#include "framework/record/tables/cases_csv.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using Document = nlohmann::json;

// Values that an older file lacks are not wrong.
std::vector<std::string> differences(const Document& found, const Document& expected) {
  std::vector<std::string> texts;
  for (const Document& change : Document::diff(found, expected)) {
    const Document::json_pointer path(change.at("path").get<std::string>());
    if (change.at("op") == "replace") {
      texts.push_back(fmt::format("{} is {}, but {} follows from the run's other files",
                                  path.to_string(), found.at(path).dump(),
                                  change.at("value").dump()));
    } else if (change.at("op") == "remove") {
      texts.push_back(fmt::format("{} follows from no other file", path.to_string()));
    }
  }
  return texts;
}

void take_from_config(const fs::path& run, RunSummary& summary) {
  const fs::path file = run / kRunConfigFile;
  if (!fs::exists(file)) return;
  const auto settings = settings_by_path(read_own_file(file), file.string(), {});
  const auto text = [&](const char* key, const std::string& otherwise) {
    const auto found = settings.find(key);
    return found == settings.end() ? otherwise
                                   : Document::parse(found->second, nullptr, false).dump();
  };
  const auto name = [&](const char* key, const std::string& otherwise) {
    const Document value = Document::parse(text(key, Document(otherwise).dump()), nullptr, false);
    return value.is_string() ? value.get<std::string>() : otherwise;
  };
  const Document seed = Document::parse(text("seed", std::to_string(summary.seed)), nullptr, false);
  if (seed.is_number_integer()) summary.seed = seed;
  summary.method = name("method.name", summary.method);
  summary.backbone = name("backbone.name", summary.backbone);
}

}  // namespace

std::vector<std::string> verify_summary(const fs::path& run) {
  RunSummary expected = read_run_summary(run / "summary.json");
  const fs::path cases_file = run / kCasesFile;
  if (!fs::exists(cases_file)) {
    throw Error(ErrorKind::kData, {.what = "nothing to verify the summary with",
                                   .where = cases_file.string(),
                                   .expected = "the rows of its cases",
                                   .got = "no file",
                                   .fix = "semiseg evaluate writes the file again"});
  }
  const CasesTable cases = read_cases(cases_file);
  expected.terms = cases.terms;
  expected.metrics = summarise(cases.rows);
  take_from_config(run, expected);
  const Document found = Document::parse(read_own_file(run / "summary.json"));
  Document following = Document::parse(to_json(expected));
  following["dataset"] = found.at("dataset");  // it may have its former name there
  return differences(found, following);
}

}  // namespace semiseg
