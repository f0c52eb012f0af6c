// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/module.h"

#include <ATen/Functions.h>

namespace semiseg {

Module::Module(const Draws& draws, std::string net, const at::TensorOptions& options)
    : tree_(std::make_shared<Tree>(Tree{draws, std::move(net), options, {}, {}})) {}

Module Module::child(std::string_view name) const { return Module(tree_, full_name(name)); }

std::string Module::full_name(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

at::Tensor Module::add_parameter(std::string_view name, at::Tensor value) const {
  value.set_requires_grad(true);
  tree_->parameters.push_back({full_name(name), value});
  return value;
}

at::Tensor Module::uniform_parameter(std::string_view name, at::IntArrayRef shape,
                                     double bound) const {
  const at::Tensor unit = tree_->draws.uniform("init/" + tree_->net + "/" + full_name(name), shape);
  return add_parameter(name, unit.mul(2).sub_(1).mul_(bound).to(tree_->options));
}

at::Tensor Module::normal_parameter(std::string_view name, at::IntArrayRef shape,
                                    double deviation) const {
  const at::Tensor unit = tree_->draws.normal("init/" + tree_->net + "/" + full_name(name), shape);
  return add_parameter(name, unit.mul(deviation).to(tree_->options));
}

at::Tensor Module::constant_parameter(std::string_view name, at::IntArrayRef shape,
                                      double value) const {
  return add_parameter(name, at::full(shape, value, tree_->options));
}

at::Tensor Module::constant_buffer(std::string_view name, at::IntArrayRef shape,
                                   double value) const {
  tree_->buffers.push_back({full_name(name), at::full(shape, value, tree_->options)});
  return tree_->buffers.back().value;
}

at::Tensor Module::counter_buffer(std::string_view name) const {
  tree_->buffers.push_back({full_name(name), at::zeros({}, at::kLong)});
  return tree_->buffers.back().value;
}

}  // namespace semiseg
