// SPDX-License-Identifier: Apache-2.0
// Hard labels with a map of certain pixels, for a softmax over classes or two nested sigmoids:
// MQinghe/MiDSS.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "framework/methods/method.h"
#include "framework/nn/losses/losses_certain.h"

namespace semiseg {

// Softmax: label int64 and certain bool, [N,S]. Nested: both [N,2,S], label 0 or 1 in the logits'
// dtype.
struct CertainLabel {
  at::Tensor label, certain;
};

// The second one inside the boxes [N,S].
CertainLabel pasted(const CertainLabel& base, const CertainLabel& other, const at::Tensor& inside);

struct CertainHeadOptions {
  std::string kind = "softmax";
  double threshold = 0.95;
  bool mask_background = false;

  // Reads the keys head, threshold, mask_background. Throws kConfig for a nested head without three
  // classes.
  static CertainHeadOptions read(const Config& section, const NetworkShape& shape);

  bool is_nested() const { return kind == "nested_sigmoid"; }
  // Number of outputs of a network for so many classes.
  int64_t outputs(int64_t classes) const { return is_nested() ? 2 : classes; }
  // Labels of a prediction without gradient, and of ground truth [N,S], certain everywhere.
  CertainLabel certain(const at::Tensor& logits) const;
  CertainLabel truth(const at::Tensor& label, at::ScalarType dtype) const;
  // Collective.
  CertainLoss loss(const at::Tensor& logits, const CertainLabel& target,
                   const Communicator& comm) const;
};

// One network in evaluation mode; two nested sigmoids become the logits of three classes.
class CertainPredictor : public Predictor {
 public:
  // The network outlives the predictor.
  CertainPredictor(Backbone& network, CertainHeadOptions head)
      : network_(network), head_(std::move(head)) {}
  at::Tensor predict(const at::Tensor& image) override;
  const Backbone* network() const override { return &network_; }

 private:
  Backbone& network_;
  CertainHeadOptions head_;
};

}  // namespace semiseg
