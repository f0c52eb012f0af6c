// SPDX-License-Identifier: Apache-2.0
// The options that `semiseg info` lists are those that the method reads.
#include <fmt/format.h>

#include <map>

#include "framework/config/option_list.h"
#include "launch/conformance/checks.h"

namespace semiseg {
namespace {

// Path → type, default and allowed values, without the name of the method.
std::map<std::string, std::string> descriptions(const std::vector<OptionRead>& reads) {
  std::map<std::string, std::string> result;
  for (const OptionRead& read : reads) {
    if (read.path != "method.name")
      result[read.path] = read.type + " = " + read.default_value + ", " + read.allowed;
  }
  return result;
}

std::vector<OptionRead> listed_options(const MethodSetup& setup) {
  return list_options(
      [&](const Config& config) {
        MethodRegistry::instance()
            .find(setup.name)
            .read_options(config.section("method"), setup.shape());
      },
      "[method]\n" + setup.options);
}

}  // namespace

Findings check_options(const MethodOnImages& method) {
  const MethodSetup setup = method.setup();
  const auto comm = make_serial_communicator();
  MethodUnderTest made(setup, *comm);
  const auto read = descriptions(made.reads()), listed = descriptions(listed_options(setup));
  Findings findings;
  for (const auto& [path, text] : read) {
    const auto other = listed.find(path);
    if (other == listed.end()) {
      findings.push_back(fmt::format("{} is read, but not listed", path));
    } else if (other->second != text) {
      findings.push_back(
          fmt::format("{} is read as {}, but listed as {}", path, text, other->second));
    }
  }
  for (const auto& [path, text] : listed) {
    if (!read.contains(path)) findings.push_back(fmt::format("{} is listed, but never read", path));
  }
  if (!made.unread().empty())
    findings.push_back(fmt::format("nothing reads these options: {}", made.unread()));
  return findings;
}

}  // namespace semiseg
