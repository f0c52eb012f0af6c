// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/backbone.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

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

// The tensor of that name. `kind` is an extra input or a head.
const at::Tensor& named(const std::vector<NamedTensor>& tensors, std::string_view name,
                        ErrorKind error, const char* kind) {
  std::string names;
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name == name) return tensor.value;
    names += (names.empty() ? "" : ", ") + tensor.name;
  }
  throw Error(error,
              {.what = fmt::format("the network has no {} '{}'", kind, name),
               .expected = names.empty() ? fmt::format("no {} at all", kind) : "one of: " + names,
               .got = std::string(name),
               .fix = "choose a backbone that has it (backbone=…)"});
}

}  // namespace

const at::Tensor& NetworkInput::operator[](std::string_view extra) const {
  return named(extras, extra, ErrorKind::kInternal, "extra input");
}

const at::Tensor& NetworkOutput::operator[](std::string_view head) const {
  return named(others, head, ErrorKind::kConfig, "head");
}

Classifier Backbone::head(std::string_view name) const {
  if (name.empty()) return classifier();
  named({}, name, ErrorKind::kConfig, "auxiliary head");
  return {};
}

at::Tensor Backbone::project(std::string_view head, const at::Tensor&, const Pass&) {
  return named({}, head, ErrorKind::kConfig, "projection head");
}

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
