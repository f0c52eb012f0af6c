// SPDX-License-Identifier: Apache-2.0
// A small named tree of parameters and buffers. Own code instead of torch::nn::Module, because a
// forward pass takes a Pass (mode, communicator, draws), initial values are named draws, and
// torch/nn/module.h costs 13 s in every file.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "framework/core/random/draws.h"
#include "framework/nn/backbone.h"

namespace semiseg {

// A node of the tree, at which a layer is constructed. Copies and children share the tensors of the
// root; these are listed in the order in which they were registered, so layers are constructed in
// the reference's order.
class Module {
 public:
  // Makes the root of network `net`. Initial values are drawn in float32 under
  // "init/<net>/<parameter>", then cast to the dtype and moved to the device of `options`.
  Module(const Draws& draws, std::string net, const at::TensorOptions& options);

  // Returns a node below this one: names get "<name>." in front.
  Module child(std::string_view name) const;

  // Adds a parameter that is drawn from U(-bound, bound).
  at::Tensor uniform_parameter(std::string_view name, at::IntArrayRef shape, double bound) const;
  // Adds a parameter that is drawn from N(0, deviation²).
  at::Tensor normal_parameter(std::string_view name, at::IntArrayRef shape, double deviation) const;
  at::Tensor constant_parameter(std::string_view name, at::IntArrayRef shape, double value) const;
  at::Tensor constant_buffer(std::string_view name, at::IntArrayRef shape, double value) const;
  // Adds an int64 scalar buffer of 0, on the CPU, where counting costs nothing.
  at::Tensor counter_buffer(std::string_view name) const;

  const std::string& path() const { return path_; }  // "encoder.in_conv", empty at the root
  const std::vector<NamedTensor>& parameters() const { return tree_->parameters; }
  const std::vector<NamedTensor>& buffers() const { return tree_->buffers; }

 private:
  struct Tree {
    Draws draws;
    std::string net;
    at::TensorOptions options;
    std::vector<NamedTensor> parameters, buffers;
  };
  Module(std::shared_ptr<Tree> tree, std::string path)
      : tree_(std::move(tree)), path_(std::move(path)) {}
  std::string full_name(std::string_view name) const;
  at::Tensor add_parameter(std::string_view name, at::Tensor value) const;

  std::shared_ptr<Tree> tree_;
  std::string path_;
};

// A backbone whose tensors are in such a tree.
class ModuleBackbone : public Backbone {
 public:
  const std::vector<NamedTensor>& parameters() const override { return root_.parameters(); }
  const std::vector<NamedTensor>& buffers() const override { return root_.buffers(); }

 protected:
  explicit ModuleBackbone(Module root) : root_(std::move(root)) {}
  Module root_;
};

}  // namespace semiseg
