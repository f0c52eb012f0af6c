// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/precision.h"

#include <ATen/Context.h>

#include <utility>

#include "framework/core/error.h"
#include "framework/nn/wrapped_backbone.h"

namespace semiseg {
namespace {

// Layers cast their parameters to what comes in, so the image alone decides.
class NarrowBackbone : public WrappedBackbone {
 public:
  NarrowBackbone(std::unique_ptr<Backbone> network, at::ScalarType dtype)
      : WrappedBackbone(std::move(network)), dtype_(dtype) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    NetworkInput narrow = input;
    narrow.image = input.image.to(dtype_);
    for (NamedTensor& extra : narrow.extras) {
      if (extra.value.is_floating_point()) extra.value = extra.value.to(dtype_);
    }
    NetworkOutput out = network_->forward(narrow, pass);
    if (out.logits.defined()) out.logits = out.logits.to(at::kFloat);
    for (NamedTensor& other : out.others) other.value = other.value.to(at::kFloat);
    return out;
  }

 private:
  at::ScalarType dtype_;
};

bool has_bfloat16_instructions() {
#ifdef __x86_64__
  return at::hasMKLDNN() && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

}  // namespace

void check_precision(const std::string& precision, at::Device device, const std::string& where) {
  if ((precision != "tf32" && precision != "float16") || !device.is_cpu()) return;
  throw Error(ErrorKind::kConfig, {.what = precision + " needs a GPU",
                                   .where = where,
                                   .expected = "float32, float64 or bfloat16 on the CPU",
                                   .got = precision,
                                   .fix = "leave the precision out, or run where a GPU is"});
}

std::vector<std::string> precisions_of_auto(at::Device device) {
  if (!device.is_cpu()) return {"tf32", "bfloat16", "float32"};
  if (has_bfloat16_instructions()) return {"bfloat16", "float32", "tf32"};
  return {"float32", "bfloat16", "tf32"};
}

std::unique_ptr<Backbone> with_precision(std::unique_ptr<Backbone> network,
                                         const std::string& precision) {
  if (precision != "bfloat16" && precision != "float16") return network;
  return std::make_unique<NarrowBackbone>(std::move(network),
                                          precision == "float16" ? at::kHalf : at::kBFloat16);
}

}  // namespace semiseg
