// SPDX-License-Identifier: Apache-2.0
#include "framework/record/run/dataset_record.h"

#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/files/json.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFile = "dataset.json";  // on disk, as its keys: do not rename

constexpr int64_t kMostChannels = 4096;  // the network's first layer is made of them

int64_t within(const nlohmann::json& json, int64_t low, int64_t high) {
  const int64_t value = whole_number(json);
  if (value < low || value > high) throw std::out_of_range(json.dump() + " is out of range");
  return value;
}

}  // namespace

void write_dataset_record(const fs::path& run, const DatasetRecord& record) {
  const DatasetInfo& info = record.info;
  const nlohmann::ordered_json json = {{"name", info.name},
                                       {"classes", info.classes},
                                       {"channels", info.channels},
                                       {"axial_axis", info.axial_axis},
                                       {"label_based_preparation", info.label_based_preparation},
                                       {"preparation", info.preparation},
                                       {"tasks", info.tasks},
                                       {"domains", record.domains}};
  write_file(run / kFile,
             json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::optional<DatasetRecord> read_dataset_record(const fs::path& run) {
  const fs::path path = run / kFile;
  if (!fs::exists(path)) return std::nullopt;
  const std::string text = read_own_file(path);
  check_json_bounds(text, path.string());
  try {
    const auto json = nlohmann::json::parse(text);
    const std::vector<std::string> one = {""};
    return DatasetRecord{.info = {.name = json.at("name"),
                                  .classes = json.at("classes"),
                                  .channels = within(json.at("channels"), 1, kMostChannels),
                                  .axial_axis = within(json.at("axial_axis"), 0, 2),
                                  .label_based_preparation = json.at("label_based_preparation"),
                                  .preparation = json.at("preparation"),
                                  .tasks = json.value("tasks", one)},
                         .domains = json.value("domains", one)};
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kData, {.what = "cannot parse the run's record of its data set",
                                   .where = path.string(),
                                   .got = error.what(),
                                   .fix = "remove this file; the data set itself is asked then"});
  }
}

}  // namespace semiseg
