// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/networks/network_pair.h"

#include <utility>

namespace semiseg {

NetworkPair::NetworkPair(const MethodContext& context, std::vector<StreamPlan> streams,
                         std::vector<std::vector<int64_t>> colocated, const std::string& second)
    : stage_{.name = "train",
             .iterations = context.iterations,
             .streams = std::move(streams),
             .colocated = std::move(colocated)},
      networks_{context.make_network({.net = kNames[0]}),
                context.make_network({.net = kNames[1], .backbone = second})},
      optimisers_{make_optimiser(kNames[0], networks_[0]->parameters(), context.optimiser),
                  make_optimiser(kNames[1], networks_[1]->parameters(), context.optimiser)},
      predictor_(*networks_[0]) {}

void NetworkPair::state(StateVisitor& visitor) {
  for (size_t i = 0; i < networks_.size(); ++i) {
    visitor.scope(kNames[i], [this, i](StateVisitor& v) { networks_[i]->state(v); });
    optimisers_[i]->state(visitor);
  }
}

NetworkOutput NetworkPair::forward(int i, const at::Tensor& image, const SampleIds& samples,
                                   const Step& step, const std::string& pass) {
  const auto place = static_cast<size_t>(i);
  return networks_[place]->forward(image, step.train_pass(kNames[place] + pass, samples));
}

void NetworkPair::record_of(int i, const std::string& name, const at::Tensor& value, Step& step) {
  step.record(name + "_" + kNames[static_cast<size_t>(i)], value);
}

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
