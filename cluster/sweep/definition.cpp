// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/definition.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/files/json.h"
#include "framework/record/shown_text.h"
#include "framework/record/tables/finished_runs.h"
#include "framework/run/places.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kFormat = 1;

Json to_json_value(const Point& point) {
  Json json = {{"choices", point.choices},   {"identity", point.identity},
               {"method", point.method},     {"dataset", point.dataset},
               {"labelled", point.labelled}, {"seed", point.seed},
               {"tried", point.tried},       {"folder", point.folder.string()}};
  if (!point.fixed.empty()) json["fixed"] = point.fixed;
  return json;
}

Point point_of(const Json& json) {
  return {.choices = json.at("choices"),
          .fixed = json.value("fixed", std::vector<std::string>()),
          .identity = json.at("identity"),
          .method = json.at("method"),
          .dataset = json.at("dataset"),
          .labelled = json.at("labelled"),
          .seed = json.at("seed"),
          .tried = json.at("tried"),
          .folder = json.at("folder").get<std::string>()};
}

// The overrides of a point index into these, so a wrong index must not get through.
void check_choices(const Definition& d) {
  for (const Point& point : d.points) {
    if (point.choices.size() != d.axes.size()) throw std::out_of_range("choices of a point");
    for (size_t i = 0; i < d.axes.size(); ++i) {
      if (point.choices[i] < 0 || point.choices[i] >= std::ssize(d.axes[i].choices))
        throw std::out_of_range("choice of a point");
    }
  }
}

Definition definition_of(const Json& json) {
  if (json.at("format") != kFormat) throw std::out_of_range("format " + json.at("format").dump());
  Definition d{.name = json.at("name"),
               .made = json.at("made"),
               .directory = json.at("directory").get<std::string>(),
               .train_flags = json.at("train_flags"),
               .launch = json.at("launch")};
  for (const Json& axis : json.at("axes"))
    d.axes.push_back({.keys = axis.at("keys"), .choices = axis.at("choices")});
  for (const Json& point : json.at("points")) d.points.push_back(point_of(point));
  if (json.contains("budget")) {
    const Json& budget = json.at("budget");
    d.budget = budget.at("seconds");
    d.asked = budget.at("request");
    for (const Json& cost : budget.at("costs")) d.costs.push_back(cost_of(cost.dump()));
  }
  check_choices(d);
  return d;
}

bool has_runs_of(const fs::path& sweep, const std::string& hash) {
  if (fs::exists(sweep / kSweepFile)) return read_definition(sweep).hash() == hash;
  return fs::exists(sweep / kRequestFile) && read_own_file(sweep / kRequestFile) == hash;
}

}  // namespace

std::string hash_of_request(const std::vector<Point>& points, double budget) {
  const std::string text = fmt::format("{} {}", Definition{.points = points}.hash(), budget);
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

void write_request(const fs::path& sweep, const Definition& definition) {
  write_file(sweep / kRequestFile, definition.hash());
}

std::string Definition::hash() const {
  if (!asked.empty()) return asked;
  std::vector<std::string> identities;
  for (const Point& point : points) identities.push_back(point.identity);
  std::sort(identities.begin(), identities.end());
  std::string text;
  for (const std::string& identity : identities) text += identity;
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

void write_definition(const fs::path& sweep, const Definition& d) {
  Json json = {{"format", kFormat},
               {"name", d.name},
               {"made", d.made},
               {"directory", d.directory.string()},
               {"train_flags", d.train_flags},
               {"launch", d.launch},
               {"axes", Json::array()},
               {"points", Json::array()}};
  if (d.budget > 0) {
    json["budget"] = {{"seconds", d.budget}, {"request", d.asked}, {"costs", Json::array()}};
    for (const StepCost& cost : d.costs) {
      json["budget"]["costs"].push_back(Json::parse(cost_json(cost)));
      json["budget"]["costs"].back()["iterations"] = iterations_in(d.budget, cost);
    }
  }
  for (const Axis& axis : d.axes)
    json["axes"].push_back({{"keys", axis.keys}, {"choices", axis.choices}});
  std::string folders;
  for (const Point& point : d.points) {
    json["points"].push_back(to_json_value(point));
    folders += point.folder.string() + "\n";
  }
  write_file(sweep / kRunListFile, folders);
  write_file(sweep / kSweepFile, json.dump(1) + "\n");
}

Definition read_definition(const fs::path& sweep) {
  const fs::path file = sweep / kSweepFile;
  if (!fs::exists(file)) {
    throw Error(ErrorKind::kConfig, {.what = "this is no sweep folder",
                                     .where = sweep.string(),
                                     .expected = fmt::format("a folder with {}", kSweepFile),
                                     .fix = "give the folder that semiseg sweep printed"});
  }
  const std::string text = read_own_file(file);
  check_json_bounds(text, file.string());
  try {
    return definition_of(Json::parse(text));
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kData,
                {.what = "cannot parse the definition of the sweep",
                 .where = file.string(),
                 .got = error.what(),
                 .fix = "move the folder away and give the sweep's command again: runs that are "
                        "done are found again"});
  }
}

fs::path sweep_folder(const fs::path& root, const Definition& definition, int64_t now) {
  const std::string hash = definition.hash(), ending = "-" + hash.substr(0, 6);
  std::vector<fs::path> found;
  if (fs::is_directory(root)) {
    for (const auto& entry : fs::directory_iterator(root)) {
      if (entry.path().filename().string().ends_with(ending) && has_runs_of(entry.path(), hash))
        found.push_back(entry.path());
    }
  }
  if (!found.empty()) return *std::max_element(found.begin(), found.end());
  return root / fmt::format("{}-{}{}", iso_date(now), definition.name, ending);
}

std::vector<std::string> train_arguments(const Definition& d, const Point& point) {
  std::vector<std::string> arguments = {"train"};
  const auto append = [&arguments](const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
  };
  append(d.train_flags);
  append(overrides_of(d.axes, point.choices));
  append(point.fixed);
  append({"++run.dir=" + quoted_value(point.folder.string()),
          fmt::format("++run.tried={}", point.tried)});
  return arguments;
}

}  // namespace semiseg::cluster
