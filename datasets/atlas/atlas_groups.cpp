// SPDX-License-Identifier: Apache-2.0
#include "datasets/atlas/atlas_slabs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>
#include <sstream>

namespace semiseg {
namespace {

constexpr int64_t kLargestRegion = 65535;

// "1-28" or "57".
struct Regions {
  int64_t first, last;
};

std::vector<Regions> read_regions(const std::string& text) {
  std::vector<Regions> result;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    const size_t dash = part.find('-');
    const int64_t first = std::stoll(part);
    result.push_back(
        {first, dash == std::string::npos ? first : std::stoll(part.substr(dash + 1))});
  }
  return result;
}

}  // namespace

AtlasGroups read_groups(const std::vector<std::string>& lines, const Config& config,
                        const std::string& key) {
  static const std::regex form("([a-z0-9_]+)=(\\d{1,5}(-\\d{1,5})?(,\\d{1,5}(-\\d{1,5})?)*)");
  const auto check = [&](bool good, const std::string& what, const std::string& line) {
    if (!good) config.fail(key, what + ": " + line, "lines such as \"frontal=1-28,57\"");
  };
  check(lines.size() < 256, "too many classes", fmt::format("{}", lines.size()));
  AtlasGroups groups;
  groups.classes = {"background"};
  groups.text = fmt::format("{}", fmt::join(lines, " "));
  for (const std::string& line : lines) {
    std::smatch match;
    check(std::regex_match(line, match, form), "a group of regions does not read", line);
    const std::string name = match[1];
    check(std::find(groups.classes.begin(), groups.classes.end(), name) == groups.classes.end(),
          "a class is there twice", line);
    groups.classes.push_back(name);
    for (const auto& [first, last] : read_regions(match[2])) {
      check(first >= 1 && first <= last && last <= kLargestRegion, "regions run from 1 to 65535",
            line);
      groups.class_of.resize(std::max<size_t>(groups.class_of.size(), last + 1));
      for (int64_t region = first; region <= last; ++region) {
        check(groups.class_of[region] == 0, fmt::format("region {} has two classes", region), line);
        groups.class_of[region] = static_cast<uint8_t>(groups.classes.size() - 1);
      }
    }
  }
  return groups;
}

}  // namespace semiseg
