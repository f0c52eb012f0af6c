// SPDX-License-Identifier: Apache-2.0
#include "framework/config/option_list.h"

#include <memory>

#include "framework/config/toml.h"
#include "framework/config/value.h"
#include "framework/core/error.h"

namespace semiseg {

std::vector<OptionRead> list_options(const std::function<void(const Config&)>& read,
                                     const std::string& given) {
  auto tree = std::make_shared<ConfigTree>();
  tree->root = parse_toml(given, "the list of options");
  tree->only_lists = true;
  try {
    read(Config(tree));
  } catch (const Error& error) {
    // A refused value only ends the list: the options before it are recorded.
    if (error.kind() != ErrorKind::kConfig) throw;
  }
  return tree->reads;
}

}  // namespace semiseg
