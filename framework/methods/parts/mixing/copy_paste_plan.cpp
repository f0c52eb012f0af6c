// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/mixing/copy_paste_plan.h"

#include "framework/methods/parts/mixing/boxes.h"

namespace semiseg {
Plan copy_paste_plan(const MethodContext& context, double fraction) {
  const int64_t b = context.labelled, u = context.batch - context.labelled;
  if (b % 2 != 0 || b != u) {
    context.options.fail("name", "the method mixes halves of equal labelled and unlabelled parts",
                         "protocol.batch = 2 · protocol.labelled_batch, the latter even",
                         "e.g. protocol.batch=12 protocol.labelled_batch=6");
  }
  Plan plan;
  const auto first = static_cast<int64_t>(fraction * context.iterations);
  if (first > 0) {
    plan.stages.push_back({.name = "pretrain",
                           .iterations = first,
                           .streams = {{.name = "labelled", .pool = "labelled", .samples = b}},
                           .colocated = mixing_groups(b, 0)});
  }
  plan.stages.push_back({.name = "selftrain",
                         .iterations = context.iterations - first,
                         .streams = labelled_and_unlabelled(context),
                         .start_from_best = first > 0,
                         .colocated = mixing_groups(b, u)});
  return plan;
}

at::Tensor draw_copy_paste_mask(const at::Tensor& image, double fraction, const Step& step) {
  const at::IntArrayRef size = image.sizes().slice(2);
  const at::Tensor offset = draw_box_offsets("mix_box_offset", size, fraction, {}, *step.draws);
  return copy_paste_mask(size, fraction, offset).to(image.device());
}

}  // namespace semiseg
