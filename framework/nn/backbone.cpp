// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/backbone.h"

#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"

namespace semiseg {
namespace {

void copy_all(const std::vector<NamedTensor>& to, const std::vector<NamedTensor>& from) {
  SEMISEG_CHECK(to.size() == from.size(), "copy_from needs two networks of one architecture");
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < to.size(); ++i) {
    SEMISEG_CHECK(to[i].name == from[i].name && to[i].value.sizes() == from[i].value.sizes(),
                  "copy_from needs two networks of one architecture, they differ at " + to[i].name);
    to[i].value.copy_(from[i].value);
  }
}

}  // namespace

void Backbone::state(StateVisitor& visitor) {
  for (const auto* list : {&parameters(), &buffers()}) {
    for (const auto& [name, value] : *list) {
      at::Tensor tensor = value;  // a handle: the visitor writes in place
      visitor.tensor(name, tensor);
    }
  }
}

void Backbone::copy_from(const Backbone& other) {
  copy_all(parameters(), other.parameters());
  copy_all(buffers(), other.buffers());
}

int64_t Backbone::parameter_count() const {
  int64_t count = 0;
  for (const auto& parameter : parameters()) count += parameter.value.numel();
  return count;
}

}  // namespace semiseg
