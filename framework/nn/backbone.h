// SPDX-License-Identifier: Apache-2.0
// The interface of a segmentation network, and its registry. Methods use a network only through it.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/config/config.h"
#include "framework/core/plugins/registry.h"
#include "framework/core/random/draws.h"
#include "framework/core/state.h"

namespace semiseg {

enum class NetworkMode {
  kTrain,  // batch statistics (synchronised over ranks), running statistics updated, dropout on
  kEval,   // running statistics, no dropout
};

// One more decoding of a pass's encoder features, in which each channel of each sample and level is
// zero with probability p and the others are divided by 1 - p (UniMatch's feature perturbation).
struct FeatureDropout {
  std::string head;  // name of its logits among NetworkOutput::others
  double p = 0.5;
  std::string draw;   // "feature_dropout": level 0, the finest, draws as "feature_dropout.0"
  int64_t first = 0;  // place of the first sample of the pass that is decoded again
};

// The settings of a forward pass. Mode is an argument, not a state of the network: the same network
// may run in both modes in one step.
struct Pass {
  NetworkMode mode = NetworkMode::kEval;
  const Communicator* comm = nullptr;  // kTrain only
  const Draws* draws = nullptr;        // kTrain only; must outlive the pass
  std::string name;   // unique in the step: the pass draws its dropout as "dropout/<name>/…"
  SampleIds samples;  // ids of the images along axis 0, for the draws
  // The heads to compute; empty: all. A network may leave out the others.
  std::vector<std::string> heads = {};
  // Decoded beside the plain features, as one batch for the batch norms of the decoder. A network
  // that cannot do this leaves the heads out.
  std::vector<FeatureDropout> feature_dropouts = {};
  bool tracks = true;  // kTrain: batch norms move their running statistics

  bool wants(std::string_view head) const {
    return heads.empty() || std::find(heads.begin(), heads.end(), head) != heads.end();
  }
};

struct NamedTensor {
  std::string name;  // as in the reference: "encoder.in_conv.conv_conv.0.weight"
  at::Tensor value;
};

// The input of a network. Extras are further inputs of some networks: prompts, a noisy label, a
// time step.
struct NetworkInput {
  NetworkInput(at::Tensor images) : image(std::move(images)) {}
  NetworkInput(at::Tensor images, std::vector<NamedTensor> named)
      : image(std::move(images)), extras(std::move(named)) {}

  at::Tensor image;  // [N,channels,S]
  std::vector<NamedTensor> extras;

  // Throws kInternal, with the names of the extras, for an unknown one.
  const at::Tensor& operator[](std::string_view extra) const;
};

struct NetworkOutput {
  at::Tensor logits;  // [N,K,S] logits of the deployed head; undefined when it was not wanted
  // [N,A,S'] the exact input of the last linear layer, in the dtype of the network's arithmetic:
  // narrower than the logits in a network of bfloat16.
  at::Tensor features;
  std::vector<NamedTensor> others;  // outputs of auxiliary heads, in the reference's order

  // Returns the output of an auxiliary head. Throws kConfig, with the names of the heads, for an
  // unknown one.
  const at::Tensor& operator[](std::string_view head) const;
};

// The last linear layer. Weight [K,A,k…] (k = kernel sizes, one for each spatial axis), bias [K] or
// undefined.
struct Classifier {
  at::Tensor weight, bias;
};

class Backbone {
 public:
  virtual ~Backbone() = default;
  // Throws kConfig unless the image's S is divisible as the network demands.
  virtual NetworkOutput forward(const NetworkInput& input, const Pass& pass) = 0;
  // Returns the last linear layer of the deployed head.
  virtual Classifier classifier() const = 0;
  // Returns the last linear layer of an auxiliary head; "": of the deployed one. Throws kConfig
  // when the network lacks the head.
  virtual Classifier head(std::string_view name) const;
  // Returns rows [M,A'] of a head that works on rows of features [M,A], such as a projection head.
  // Collective in training mode. Throws kConfig when the network lacks the head.
  virtual at::Tensor project(std::string_view head, const at::Tensor& rows, const Pass& pass);
  // Returns parameters in the reference's order. Parameters require gradients; buffers (running
  // statistics, counters) do not.
  virtual const std::vector<NamedTensor>& parameters() const = 0;
  virtual const std::vector<NamedTensor>& buffers() const = 0;

  // Visits parameters and buffers under their names.
  void state(StateVisitor& visitor);
  // Copies parameters and buffers from another network of the same architecture.
  void copy_from(const Backbone& other);
  int64_t parameter_count() const;
};

// The sizes, dtype and device that the experiment demands of a network.
struct NetworkShape {
  int64_t channels = 1, classes = 2;
  std::vector<int64_t> patch_size;  // spatial sizes of training images
  int64_t tasks = 1;                // tasks of the data, for networks with a prompt for each
  // dtype of parameters and images: float32, or float64 to prove exactness.
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;  // device of parameters and images

  at::TensorOptions options() const { return at::TensorOptions(device).dtype(dtype); }
};

// Reads every option that a plug-in's `make` will read from the same section, and nothing else, so
// that `semiseg info` can list it. It needs neither data nor networks; where no data set is open,
// the shape has one channel and two classes. read_and_forget<Options> (option_list.h) is such a
// function for a struct of options.
using ReadNetworkOptions = std::function<void(const Config& section, const NetworkShape& shape)>;

struct BackboneEntry {
  static const char* kind() { return "backbone"; }
  std::string name;     // the stem of the file
  std::string summary;  // one line, that of experiments/backbone/<name>.toml
  std::string paper;    // "Ronneberger et al., MICCAI 2015"
  std::string small;    // options in TOML that make a small form, for checks
  ReadNetworkOptions read_options = [](const Config&, const NetworkShape&) {};
  // Initial weights come from `draws` under "init/<net>/<parameter>", so two nets of one run differ
  // by their name.
  std::function<std::unique_ptr<Backbone>(const Config& options, const NetworkShape& shape,
                                          const Draws& draws, const std::string& net)>
      make;
};
using BackboneRegistry = Registry<BackboneEntry>;

}  // namespace semiseg
