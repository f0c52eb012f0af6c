// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/ssnet_heads.h"

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr int64_t kWidth = 32;

}  // namespace

SsNetHeads::SsNetHeads(const Module& root, int64_t features, int64_t classes) {
  const auto add = [&](const std::string& name, const RowMlpSize& size, double slope) {
    heads_.push_back({name, RowMlp(root.child(name), size, slope)});
  };
  add("projection_head", {features, kWidth, kWidth}, 0);
  add("prediction_head", {kWidth, kWidth, kWidth}, 0);
  for (const char* kind : {"contrastive_class_selector_", "contrastive_class_selector_memory"}) {
    for (int64_t c = 0; c < classes; ++c) add(kind + std::to_string(c), {kWidth, kWidth, 1}, 0.2);
  }
}

at::Tensor SsNetHeads::project(std::string_view head, const at::Tensor& rows,
                               const Pass& pass) const {
  for (const Named& one : heads_) {
    if (one.name == head) return one.mlp(rows, pass);
  }
  SEMISEG_CHECK(false, "SS-Net has no head " + std::string(head));
  return {};
}

}  // namespace semiseg
