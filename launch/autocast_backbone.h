// SPDX-License-Identifier: Apache-2.0
// A network that computes in bfloat16 where that is safe: LibTorch's autocast around its forward
// pass. Parameters, statistics and what comes out stay float32.
#pragma once

#include <ATen/autocast_mode.h>

#include <memory>
#include <string>
#include <utility>

#include "framework/core/error.h"
#include "launch/wrapped_backbone.h"

namespace semiseg {

class AutocastBackbone : public WrappedBackbone {
 public:
  explicit AutocastBackbone(std::unique_ptr<Backbone> network)
      : WrappedBackbone(std::move(network)) {}

  NetworkOutput forward(const at::Tensor& image, const Pass& pass) override {
    const Autocast autocast(image.device().type());
    NetworkOutput out = network_->forward(image, pass);
    out.logits = out.logits.to(at::kFloat);
    out.features = out.features.to(at::kFloat);
    for (at::Tensor& more : out.more) more = more.to(at::kFloat);
    return out;
  }

 private:
  // Casts of weights are kept for the pass alone: the next one may see other weights.
  class Autocast {
   public:
    explicit Autocast(at::DeviceType device)
        : device_(device), was_on_(at::autocast::is_autocast_enabled(device)) {
      at::autocast::set_autocast_enabled(device_, true);
      at::autocast::set_autocast_dtype(device_, at::kBFloat16);
      at::autocast::increment_nesting();
    }
    ~Autocast() {
      if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
      at::autocast::set_autocast_enabled(device_, was_on_);
    }
    Autocast(const Autocast&) = delete;
    Autocast& operator=(const Autocast&) = delete;

   private:
    at::DeviceType device_;
    bool was_on_;
  };
};

// tf32 and bfloat16 are the GPU's. LibTorch's autocast of the processor leaves convolutions as they
// are.
inline bool wants_gpu(const std::string& precision) {
  return precision == "tf32" || precision == "bfloat16";
}

// kConfig for a precision that the device does not have. `where`: the key that asks for it.
inline void check_precision(const std::string& precision, at::Device device,
                            const std::string& where) {
  if (!wants_gpu(precision) || !device.is_cpu()) return;
  throw Error(ErrorKind::kConfig, {.what = precision + " needs a GPU",
                                   .where = where,
                                   .expected = "float32 or float64 on the CPU",
                                   .got = precision,
                                   .fix = "leave the precision out, or run where a GPU is"});
}

// The network as `precision` wants it on this device; on the CPU as it is, so that a run of a GPU
// can be evaluated there.
inline std::unique_ptr<Backbone> with_precision(std::unique_ptr<Backbone> network,
                                                const std::string& precision, at::Device device) {
  if (precision != "bfloat16" || device.is_cpu()) return network;
  return std::make_unique<AutocastBackbone>(std::move(network));
}

}  // namespace semiseg
