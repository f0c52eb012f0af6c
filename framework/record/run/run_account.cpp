// SPDX-License-Identifier: Apache-2.0
#include "framework/record/run/run_account.h"

#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/files/json.h"

namespace semiseg {
namespace {

using Json = nlohmann::ordered_json;

struct AccountCount {
  const char* name;
  int64_t RunAccount::*value;
};
constexpr AccountCount kAccountCounts[] = {{"labelled_patients", &RunAccount::labelled_patients},
                                           {"selection_patients", &RunAccount::selection_patients},
                                           {"labels_touched", &RunAccount::labels_touched},
                                           {"starts", &RunAccount::starts},
                                           {"devices", &RunAccount::devices},
                                           {"peak_host_bytes", &RunAccount::peak_host_bytes},
                                           {"peak_device_bytes", &RunAccount::peak_device_bytes},
                                           {"parameters", &RunAccount::parameters}};

}  // namespace

void write_account(const std::filesystem::path& path, const RunAccount& account) {
  Json json;
  for (const AccountCount& count : kAccountCounts) json[count.name] = account.*count.value;
  json["device_seconds"] = account.device_seconds;
  json["forward_passes"] = account.forward_passes;
  json["counted_steps"] = account.counted_steps;
  write_file(path, json.dump(2) + "\n");
}

RunAccount read_account(const std::filesystem::path& path) {
  const std::string text = read_own_file(path);
  check_json_bounds(text, path.string());
  try {
    const Json json = Json::parse(text);
    RunAccount account;
    for (const AccountCount& count : kAccountCounts)
      account.*count.value = whole_number(json.at(count.name));
    account.device_seconds = json.at("device_seconds");
    account.forward_passes = json.value("forward_passes", 0.0);  // older files lack both
    account.counted_steps = whole_number(json.value("counted_steps", Json(0)));
    return account;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kData, {.what = "cannot parse the account of the run",
                                   .where = path.string(),
                                   .got = error.what(),
                                   .fix = "remove the file: tables go without it"});
  }
}

}  // namespace semiseg
