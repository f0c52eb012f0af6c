// SPDX-License-Identifier: Apache-2.0
// Weights that other programs wrote: both formats of torch.save, the pickle streams inside them,
// and safetensors.
#include <set>
#include <string>

#include "framework/checkpoint/weight_file.h"
#include "framework/files/pickle.h"
#include "framework/files/safetensors.h"
#include "tests/fuzz/target.h"

namespace semiseg::fuzz {
namespace {

bool read_torch(const std::string& bytes) {
  const auto path = file("weights.pth", bytes);
  return accepts([&] { read_weights(path); });
}

bool read_stream(const std::string& bytes) {
  static const std::set<std::string> known = {"collections.OrderedDict", "torch.FloatStorage",
                                              "torch._utils._rebuild_tensor_v2"};
  return accepts([&] {
    size_t position = 0;
    read_pickle(bytes, position, known, "pickle");
  });
}

bool read_header_and_data(const std::string& bytes) {
  const auto path = file("weights.safetensors", bytes);
  return accepts([&] { read_safetensors(path); });
}

[[maybe_unused]] const bool weights_registered = add({"torch", read_torch}) &&
                                                 add({"pickle", read_stream}) &&
                                                 add({"safetensors", read_header_and_data});

}  // namespace
}  // namespace semiseg::fuzz
