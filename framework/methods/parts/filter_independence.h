// SPDX-License-Identifier: Apache-2.0
// The algebraic independence of two networks' filters: Miao et al., ICCV 2023; JuzhengMiao/CauSSL.
// For each convolution a linear map A [D,D] predicts the D filters of one network from those of the
// other; the networks minimise the squared cosine of filter and prediction, the maps maximise it.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/methods/method.h"

namespace semiseg {

struct IndependenceOptions {
  int64_t every = 60, steps = 60;
  double learning_rate = 0.02;

  // Reads the keys coefficient_every, coefficient_steps, coefficient_lr.
  static IndependenceOptions read(const Config& section);
};

// Returns the convolutions of a network, transposed ones too: [D,K] with D = the first axis.
std::vector<at::Tensor> filters_of(const Backbone& network);

class FilterMaps {
 public:
  // `network` is the one whose filters are predicted, and names the maps' first values and state.
  FilterMaps(const Backbone& network, std::string name);
  // The maps [D, others · D] predict these filters from those of `others` networks of the same form,
  // which stand one below the other.
  FilterMaps(const std::vector<at::Tensor>& filters, std::string name, int64_t others);

  // True after the first maximise().
  bool are_ready() const { return updates_ > 0; }

  // Mean over layers and filters of cos²(own, A stop(other)); gradient to own alone. Equal on all
  // ranks.
  at::Tensor likeness(const std::vector<at::Tensor>& own,
                      const std::vector<at::Tensor>& other) const;

  // Maximises the likeness over the maps by Adam. Draws their first values.
  void maximise(const std::vector<at::Tensor>& own, const std::vector<at::Tensor>& other,
                const IndependenceOptions& options, Step& step);

  // Visits maps and moments under "coefficients/<name>/".
  void state(StateVisitor& visitor);

 private:
  void draw(const Step& step);
  void update(size_t layer, const at::Tensor& gradient, const IndependenceOptions& options);

  std::string name_;
  std::vector<at::Tensor> maps_, first_moments_, second_moments_;
  int64_t updates_ = 0;
};

}  // namespace semiseg
