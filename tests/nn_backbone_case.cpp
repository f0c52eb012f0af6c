// SPDX-License-Identifier: Apache-2.0
#include "tests/nn_backbone_case.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/config/compose.h"

namespace semiseg {
namespace {

at::Tensor buffer(const Backbone& net, const std::string& name) {
  for (const auto& item : net.buffers()) {
    if (item.name == name) return item.value;
  }
  return {};
}

// Discriminators take [map, image] stacked.
at::Tensor input_of(const ParityCase& c, at::ScalarType dtype) {
  const at::Tensor image = c.tensor("in.image");
  return (c.has("in.map") ? at::cat({c.tensor("in.map"), image}, 1) : image).to(dtype).clone();
}

std::unique_ptr<Backbone> reference_net(const ParityCase& c, const std::string& options,
                                        at::ScalarType dtype) {
  const auto& o = c.options;
  NetworkShape shape{.channels = o["in_channels"], .classes = o["classes"], .dtype = dtype};
  shape.patch_size = o["input_size"].get<std::vector<int64_t>>();
  if (c.has("in.map")) {
    shape.channels += shape.classes;
    shape.classes = 2;
  }
  auto net = make_backbone(c.name, options, shape);
  EXPECT_EQ(net->parameter_count(), o["parameter_count"].get<int64_t>()) << c.file;
  fill_parameters(net->parameters(), o["seed"], "student");
  fill_parameters(net->buffers(), o["seed"], "student");
  return net;
}

void expect_outputs(const ParityCase& c, const NetworkOutput& out) {
  EXPECT_TRUE(compare(c, "out.logits", out.logits)) << c.file;
  if (c.has("out.features") || c.has("out.features.at")) {
    EXPECT_TRUE(compare(c, "out.features", out.features)) << c.file;
  }
}

void expect_gradients(const ParityCase& c, const Backbone& net, const at::Tensor& input) {
  const int64_t map_channels = c.has("in.map") ? c.tensor("in.map").size(1) : 0;
  if (map_channels > 0) {
    EXPECT_TRUE(compare(c, "grad.map", input.grad().narrow(1, 0, map_channels))) << c.file;
  }
  EXPECT_TRUE(compare(c, "grad.image", input.grad().slice(1, map_channels))) << c.file;
  std::vector<std::string> names;
  std::vector<at::Tensor> norms;
  for (const auto& parameter : net.parameters()) {
    names.push_back(parameter.name);
    norms.push_back(parameter.value.grad().norm());
  }
  EXPECT_EQ(names, c.options["parameters"].get<std::vector<std::string>>());
  EXPECT_TRUE(compare(c, "out.grad_norm", at::stack(norms))) << c.file;
}

}  // namespace

std::unique_ptr<Backbone> make_backbone(const std::string& name, const std::string& options,
                                        const NetworkShape& shape, const std::string& net) {
  return BackboneRegistry::instance().find(name).make(parse_config(options), shape, Draws(1), net);
}

void expect_backbone_case(const ParityCase& parity, const std::string& options) {
  if (parity.options["mode"] == "eval") {
    const auto net = reference_net(parity, options, at::kFloat);
    return expect_outputs(parity, net->forward(input_of(parity, at::kFloat), Pass{}));
  }
  const auto comm = make_serial_communicator();
  const Draws draws(7);
  const auto net = reference_net(parity, options, at::kDouble);
  const at::Tensor input = input_of(parity, at::kDouble).set_requires_grad(true);
  SampleIds samples;
  for (int64_t i = 0; i < input.size(0); ++i) samples.push_back(i);
  const NetworkOutput out =
      net->forward(input, {NetworkMode::kTrain, comm.get(), &draws, "pass", samples});
  out.logits.backward(parity.tensor("in.cotangent.logits").to(at::kDouble));
  expect_outputs(parity, out);
  expect_gradients(parity, *net, input);
  if (!parity.options.contains("first_batch_norm")) return;
  const std::string norm = parity.options["first_batch_norm"];
  for (const std::string name : {"running_mean", "running_var"}) {
    EXPECT_TRUE(compare(parity, "out." + name, buffer(*net, norm + "." + name))) << parity.file;
  }
}

void expect_classifier_of_features(Backbone& net, const at::Tensor& image) {
  const NetworkOutput out = net.forward(image, Pass{});
  const Classifier head = net.classifier();
  std::vector<int64_t> padding;
  for (const int64_t side : head.weight.sizes().slice(2)) padding.push_back(side / 2);
  const std::vector<int64_t> ones(padding.size(), 1), zeros(padding.size(), 0);
  const at::Tensor logits = at::convolution(out.features, head.weight, head.bias, ones, padding,
                                            ones, /*transposed=*/false, zeros, /*groups=*/1);
  EXPECT_TRUE(at::allclose(logits, out.logits, 1e-5, 1e-6));
}

}  // namespace semiseg
