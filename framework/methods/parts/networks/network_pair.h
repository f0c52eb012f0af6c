// SPDX-License-Identifier: Apache-2.0
// The base of methods that train two networks side by side in one stage, each with its own initial
// weights and optimiser, and the option of a second network of another architecture.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/methods/method.h"
#include "framework/methods/parts/networks/network_predictor.h"

namespace semiseg {

// The networks are called "net1" and "net2"; net1 is deployed.
class NetworkPair : public Method {
 public:
  // `second` is the registered name of the second network, with options in [method.<its name>];
  // empty: the configured one.
  NetworkPair(const MethodContext& context, std::vector<StreamPlan> streams,
              std::vector<std::vector<int64_t>> colocated = {}, const std::string& second = "");
  Plan plan() const override { return {{stage_}}; }
  Predictor& predictor() override { return predictor_; }
  void state(StateVisitor& visitor) override;

 protected:
  static constexpr std::array<const char*, 2> kNames = {"net1", "net2"};
  // Runs network i in training mode.
  NetworkOutput forward(int i, const at::Tensor& image, const SampleIds& samples, const Step& step,
                        const std::string& pass = "");
  // Records under "<name>_net1" or "<name>_net2".
  static void record_of(int i, const std::string& name, const at::Tensor& value, Step& step);

  const Stage stage_;
  const std::array<std::unique_ptr<Backbone>, 2> networks_;
  const std::array<std::unique_ptr<Optimiser>, 2> optimisers_;

 private:
  NetworkPredictor predictor_;
};

// Reads the key net2_backbone and the options of that backbone, from the section of its name. The
// default is `fitting` where the patch has the sides that this network demands, and otherwise
// empty: a second network of the configured backbone.
std::string read_second_network(const Config& section, const NetworkShape& shape,
                                const std::string& fitting = "swin_unet",
                                const std::vector<int64_t>& patch = {224, 224});

}  // namespace semiseg
