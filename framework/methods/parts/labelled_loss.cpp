// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/labelled_loss.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/nn/losses/losses.h"

namespace semiseg {

LabelledDice read_labelled_dice(const Config& section, int64_t classes,
                                const std::string& otherwise) {
  std::string name = otherwise;
  section.read("dice", name, {"dice_sq", "dice_sq_fg", "dice_lin_fg"},
               "Dice loss of labelled samples: over all classes with squared denominators "
               "(dice_sq), or of the foreground of two classes with squared (dice_sq_fg) or linear "
               "denominators (dice_lin_fg). Change it to repeat a reference with two classes.");
  if (name == "dice_sq") return dice_sq;
  if (classes > 2)
    section.fail("dice", name + " knows one foreground class", "dice_sq", "method.dice=dice_sq");
  return name == "dice_sq_fg" ? dice_sq_fg : dice_lin_fg;
}

at::Tensor labelled_loss(const at::Tensor& logits, const at::Tensor& label, LabelledDice dice,
                         Step& step) {
  const at::Tensor ce = cross_entropy(logits, label, *step.comm);
  const at::Tensor overlap = dice(logits.softmax(1), label, *step.comm);
  const at::Tensor supervised = 0.5 * (ce + overlap);
  step.record("loss.supervised", supervised);
  step.record("loss.supervised_ce", ce);
  step.record("loss.supervised_dice", overlap);
  return supervised;
}

std::vector<NamedTensor> auxiliary_heads(const NetworkOutput& output, const char* method,
                                         const char* example) {
  std::vector<NamedTensor> heads;
  for (const NamedTensor& other : output.others) {
    if (other.name.starts_with("aux")) heads.push_back(other);
  }
  if (!heads.empty()) return heads;
  throw Error(ErrorKind::kConfig,
              {.what = fmt::format("{} needs a network with auxiliary heads", method),
               .where = "backbone.name",
               .expected = example,
               .got = "a network with one head",
               .fix = fmt::format("set backbone.name={}", example)});
}

at::Tensor labelled_loss_of_heads(const at::Tensor& logits, const std::vector<NamedTensor>& heads,
                                  const at::Tensor& label, LabelledDice dice, Step& step) {
  at::Tensor sum;
  const auto add = [&](const at::Tensor& of_head, const std::string& suffix) {
    const at::Tensor labelled = of_head.slice(0, 0, label.size(0));
    const at::Tensor ce = cross_entropy(labelled, label, *step.comm);
    const at::Tensor overlap = dice(labelled.softmax(1), label, *step.comm);
    step.record("loss.supervised_ce" + suffix, ce);
    step.record("loss.supervised_dice" + suffix, overlap);
    sum = sum.defined() ? sum + ce + overlap : ce + overlap;
  };
  add(logits, "");
  for (const NamedTensor& head : heads) add(head.value, "_" + head.name);
  const at::Tensor supervised = sum / (2 * static_cast<double>(heads.size() + 1));
  step.record("loss.supervised", supervised);
  return supervised;
}

}  // namespace semiseg
