// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/networks/deployed_part.h"

namespace semiseg {
namespace {

std::vector<NamedTensor> chosen(const std::vector<NamedTensor>& all,
                                const std::function<bool(const std::string&)>& is_deployed) {
  std::vector<NamedTensor> part;
  for (const NamedTensor& tensor : all) {
    if (is_deployed(tensor.name)) part.push_back(tensor);
  }
  return part;
}

}  // namespace

DeployedPart::DeployedPart(Backbone& whole,
                           const std::function<bool(const std::string& name)>& is_deployed)
    : whole_(whole),
      parameters_(chosen(whole.parameters(), is_deployed)),
      buffers_(chosen(whole.buffers(), is_deployed)) {}

NetworkOutput DeployedPart::forward(const NetworkInput& input, const Pass& pass) {
  return whole_.forward(input, pass);
}

}  // namespace semiseg
