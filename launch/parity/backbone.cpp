// SPDX-License-Identifier: Apache-2.0
// Cases of kind `backbone`: outputs of a network, in training mode its gradients and running
// statistics, too.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/compose.h"
#include "launch/parity/case_options.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

// The entries of a case beside the network's own options.
const std::set<std::string> kDescription = {
    "batch",         "classes",         "dropout",          "dtype", "in_channels",
    "input_size",    "feature_shape",   "first_batch_norm", "mode",  "nets",
    "output_shapes", "parameter_count", "parameters",       "path",  "reference_class",
    "seed",          "without_gradient"};

bool is_discriminator(const ParityCase& c) { return c.has("in.map"); }

// Discriminators take [map, image] stacked.
at::Tensor input_of(const ParityCase& c, at::ScalarType dtype) {
  const at::Tensor image = c.tensor("in.image");
  return (is_discriminator(c) ? at::cat({c.tensor("in.map"), image}, 1) : image).to(dtype).clone();
}

// A network with a path of its own for batches with labelled images gets their number: half of
// them.
NetworkInput with_extras(const ParityCase& c, const at::Tensor& image) {
  if (c.options.value("path", "") != "labelled") return image;
  return {image, {{"labelled", at::full({}, image.size(0) / 2, at::kLong)}}};
}

std::unique_ptr<Backbone> make_network(const ParityCase& c, at::ScalarType dtype) {
  const auto& o = c.options;
  const BackboneEntry& entry = known<BackboneEntry>(c.name);
  NetworkShape shape{.channels = o.at("in_channels"),
                     .classes = o.at("classes"),
                     .patch_size = o.at("input_size").get<std::vector<int64_t>>(),
                     .dtype = dtype};
  std::string options = toml_lines(o.all(), kDescription);
  if (is_discriminator(c)) {
    options += "image_channels = " + toml_of(o.at("in_channels")) + "\n";
    shape.channels += shape.classes;
    shape.classes = o.at("output_shapes").at(0).at(1);
  }
  const Config config = parse_config(with_dropout(entry, options, shape, o.value("dropout", 0.0)));
  auto network = entry.make(config, shape, Draws(1), "student");
  check_options_are_read(unread_options(config));
  for (const auto& tensors : {network->parameters(), network->buffers()})
    fill_parameters(tensors, o.at("seed"), o.at("nets").at(0));
  return network;
}

void compare_outputs(const ParityCase& c, const NetworkOutput& out, Comparison& comparison) {
  comparison.compare("out.logits", out.logits);
  for (size_t i = 0; i < out.others.size(); ++i)
    comparison.compare("out.logits_" + std::to_string(i + 1), out.others[i].value);
  if (c.has("out.features") || c.has("out.features.index"))
    comparison.compare("out.features", out.features);
}

// Gradients of Σ_i Σ logits_i · cotangent_i.
void differentiate(const ParityCase& c, const NetworkOutput& out) {
  const auto product = [&](const at::Tensor& logits, const std::string& name) {
    return (logits * c.tensor("in.cotangent." + name).to(logits.scalar_type())).sum();
  };
  at::Tensor total = product(out.logits, "logits");
  for (size_t i = 0; i < out.others.size(); ++i)
    total = total + product(out.others[i].value, "logits_" + std::to_string(i + 1));
  total.backward();
}

void compare_gradients(const ParityCase& c, const Backbone& network, const at::Tensor& input,
                       Comparison& comparison) {
  const int64_t map_channels = is_discriminator(c) ? c.tensor("in.map").size(1) : 0;
  if (map_channels > 0) comparison.compare("grad.map", input.grad().narrow(1, 0, map_channels));
  comparison.compare("grad.image", input.grad().slice(1, map_channels));
  std::vector<std::string> names;
  std::vector<at::Tensor> norms;
  for (const auto& parameter : network.parameters()) {
    const at::Tensor& gradient = parameter.value.grad();
    names.push_back(parameter.name);
    norms.push_back(gradient.defined() ? gradient.to(at::kDouble).norm()
                                       : at::zeros({}, input.options().dtype(at::kDouble)));
  }
  comparison.require(names == c.options.at("parameters").get<std::vector<std::string>>(),
                     "the parameters have other names");
  comparison.compare("out.grad_norm", at::stack(norms).detach());
}

void compare_running_statistics(const ParityCase& c, const Backbone& network,
                                Comparison& comparison) {
  const std::string norm = c.options.at("first_batch_norm");
  for (const auto& buffer : network.buffers()) {
    for (const std::string name : {"running_mean", "running_var"}) {
      if (buffer.name == norm + "." + name) comparison.compare("out." + name, buffer.value);
    }
  }
}

}  // namespace

void run_backbone(const ParityCase& c, Comparison& comparison) {
  const bool trains = c.options.at("mode") == "train";
  const bool is_double = c.options.value("dtype", "float32") == "float64";
  const at::ScalarType dtype = is_double ? at::kDouble : at::kFloat;
  const auto network = make_network(c, dtype);
  const auto count = c.options.at("parameter_count").get<int64_t>();
  comparison.require(network->parameter_count() == count,
                     fmt::format("{} parameters: expected {}", network->parameter_count(), count));
  if (!trains) {
    const at::NoGradGuard no_grad;
    return compare_outputs(c, network->forward(with_extras(c, input_of(c, dtype)), Pass{}),
                           comparison);
  }
  const auto comm = make_serial_communicator();
  const Draws draws(7);
  const at::Tensor input = input_of(c, dtype).set_requires_grad(true);
  SampleIds samples;
  for (int64_t i = 0; i < input.size(0); ++i) samples.push_back(i);
  const NetworkOutput out = network->forward(
      with_extras(c, input), {NetworkMode::kTrain, comm.get(), &draws, "pass", samples});
  differentiate(c, out);
  compare_outputs(c, out, comparison);
  compare_gradients(c, *network, input, comparison);
  if (c.options.contains("first_batch_norm")) compare_running_statistics(c, *network, comparison);
}

}  // namespace semiseg
