// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/network_maker.h"

#include <utility>

#include "framework/core/profile.h"
#include "framework/nn/precision.h"
#include "framework/nn/wrapped_backbone.h"

namespace semiseg {
namespace {

// A network whose forward passes are spans of the profile.
class TimedBackbone : public WrappedBackbone {
 public:
  explicit TimedBackbone(std::unique_ptr<Backbone> network) : WrappedBackbone(std::move(network)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const profile::Span span(pass.mode == NetworkMode::kTrain ? "forward" : "forward to evaluate");
    return network_->forward(input, pass);
  }
};

// A network that adds the images of its forward passes to a sum.
class CountedBackbone : public WrappedBackbone {
 public:
  CountedBackbone(std::unique_ptr<Backbone> network, std::shared_ptr<int64_t> images)
      : WrappedBackbone(std::move(network)), images_(std::move(images)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    *images_ += input.image.size(0);
    return network_->forward(input, pass);
  }

 private:
  std::shared_ptr<int64_t> images_;
};

}  // namespace

std::unique_ptr<Backbone> NetworkMaker::operator()(const NetworkRequest& request) const {
  const bool is_configured = request.backbone.empty();
  const Config options = is_configured ? backbone : method.section(request.backbone);
  const std::string name = is_configured ? options.required("name", "backbone") : request.backbone;
  std::unique_ptr<Backbone> network = BackboneRegistry::instance().find(name).make(
      options, request.shape.value_or(shape), draws, request.net);
  if (is_configured && made) made(*network, request.net);
  network = with_precision(std::move(network), precision);
  if (cuda_graphs) network = with_graphs(std::move(network), shape.device);
  if (forwarded) network = std::make_unique<CountedBackbone>(std::move(network), forwarded);
  if (profile::is_on()) network = std::make_unique<TimedBackbone>(std::move(network));
  return network;
}

}  // namespace semiseg
