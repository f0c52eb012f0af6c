// SPDX-License-Identifier: Apache-2.0
// Loss scale of a float16 training (Micikevicius et al., ICLR 2018): gradients that float16 could
// not hold are multiplied on their way and divided before the update. The scale finds itself:
// halved when a gradient is not finite, which costs that update, and doubled after 2000 updates in
// a row that were (the constants are those of torch.amp.GradScaler).
#pragma once

#include <cstdint>

#include "framework/core/state.h"

namespace semiseg {

class GradientScaler {
 public:
  // Off: the scale is 1 for good, and there is no state.
  explicit GradientScaler(bool is_on) : is_on_(is_on) {}

  bool is_on() const { return is_on_; }
  double scale() const { return is_on_ ? scale_ : 1; }  // a power of two: exact in any dtype

  // Call it after the gradients of an update are summed over ranks, so that all ranks decide alike.
  // Returns false when they are not finite and the update must be skipped. At scale 1 non-finite
  // gradients are genuine: returns true, so that the caller reports them. The scale itself stays
  // until end_step(), because parts of another update of the step may have been multiplied by it
  // already.
  bool accept(bool is_finite);

  // Takes the next scale, after the updates of a step.
  void end_step();

  // Visits "loss_scale" and "finite_updates".
  void state(StateVisitor& visitor);

 private:
  bool is_on_;
  double scale_ = 65536;
  int64_t finite_updates_ = 0;  // consecutive
  double next_scale_ = scale_;  // scale of the next step
};

}  // namespace semiseg
