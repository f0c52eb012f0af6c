// SPDX-License-Identifier: Apache-2.0
#include "framework/record/run/run_settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <sstream>

#include "framework/config/toml.h"
#include "framework/core/error.h"
#include "framework/core/own_file.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/run/run_summary.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using Settings = std::map<std::string, std::string>;

constexpr size_t kMostShown = 6;

std::vector<Settings> values_of(const std::vector<fs::path>& runs) {
  std::vector<std::string> ignored = sections_outside_old_names();
  ignored.push_back("seed");
  std::vector<Settings> all;
  for (const fs::path& run : runs) {
    try {
      const fs::path file = run / kRunConfigFile;
      all.push_back(settings_by_path(read_own_file(file), file.string(), ignored));
    } catch (const Error&) {
      continue;  // its scores stay in the row
    }
  }
  return all;
}

// The settings of every run as its summary says them; of runs of which one is older than that, all
// values outside the sections that the names of older folders left out.
std::vector<Settings> settings_of(const std::vector<fs::path>& runs) {
  std::vector<Settings> all;
  bool is_old = false;
  for (const fs::path& run : runs) {
    try {
      const auto settings = read_run_summary(run / "summary.json").settings;
      is_old = is_old || !settings;
      if (settings) all.push_back(*settings);
    } catch (const Error&) {
      is_old = true;
    }
  }
  return is_old ? values_of(runs) : all;
}

}  // namespace

const std::vector<std::string>& sections_outside_old_names() {
  static const std::vector<std::string> sections = {"run",         "threads", "device",
                                                    "cuda_graphs", "loader",  "comm"};
  return sections;
}

std::map<std::string, std::string> settings_by_path(const std::string& toml,
                                                    const std::string& origin,
                                                    const std::vector<std::string>& ignored) {
  std::istringstream lines(canonical_text(parse_toml(toml, origin), "", ignored));
  std::map<std::string, std::string> values;
  for (std::string line; std::getline(lines, line);) {
    const size_t equals = line.find(" = ");
    values[line.substr(0, equals)] = line.substr(equals + 3);
  }
  return values;
}

std::string differing_settings(const std::vector<fs::path>& runs) {
  const std::vector<Settings> all = settings_of(runs);
  std::set<std::string> keys;
  for (const Settings& settings : all) {
    for (const auto& [key, value] : settings) keys.insert(key);
  }
  std::vector<std::string> found;
  for (const std::string& key : keys) {
    std::set<std::string> values;
    for (const Settings& settings : all) {
      const auto entry = settings.find(key);
      values.insert(entry == settings.end() ? "default" : entry->second);
    }
    if (values.size() > 1) found.push_back(fmt::format("{} {}", key, fmt::join(values, " or ")));
  }
  const size_t hidden = found.size() > kMostShown ? found.size() - kMostShown : 0;
  found.resize(found.size() - hidden);
  if (hidden > 0) found.push_back(fmt::format("and {} more", hidden));
  return fmt::format("{}", fmt::join(found, "; "));
}

}  // namespace semiseg
