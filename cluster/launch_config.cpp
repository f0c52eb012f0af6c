// SPDX-License-Identifier: Apache-2.0
#include "cluster/launch_config.h"

#include <string_view>

namespace semiseg::cluster {
namespace {

bool is_of_launch(std::string_view text) {
  const size_t prefix = text.find_first_not_of("+~");
  if (prefix == std::string_view::npos) return false;
  const std::string_view key = text.substr(prefix, text.find_first_of("=@") - prefix);
  return key == "cluster" || key.starts_with("cluster.") || key.starts_with("sweep.");
}

}  // namespace

SplitRequest split_request(const ComposeRequest& request) {
  SplitRequest split{.run = request, .launch = request};
  split.run.overrides.clear();
  split.launch.overrides.clear();
  split.launch.name = "launch";
  for (const std::string& text : request.overrides)
    (is_of_launch(text) ? split.launch : split.run).overrides.push_back(text);
  return split;
}

}  // namespace semiseg::cluster
