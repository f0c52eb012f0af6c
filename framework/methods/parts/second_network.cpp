// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/second_network.h"

namespace semiseg {

std::string read_second_network(const Config& section, const NetworkShape& shape,
                                const std::string& fitting, const std::vector<int64_t>& patch) {
  std::string name = shape.patch_size == patch ? fitting : "";
  section.read(
      "net2_backbone", name,
      "Backbone of the second network, with options in [method.<its name>]; empty: that of "
      "the first. The default is the reference's where the patch fits it. Networks that "
      "differ more correct each other more.");
  if (!name.empty())
    BackboneRegistry::instance().find(name).read_options(section.section(name), shape);
  return name;
}

}  // namespace semiseg
