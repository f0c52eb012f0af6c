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

  // After the gradients of an update, summed over ranks, so that all decide alike. False: they are
  // not finite and the update is to be left out. Once the scale is down at 1, not finite is what
  // the gradients are, and nothing changes. The scale itself stays until end_step(), because parts
  // of another update of the step may have been multiplied by it already.
  bool accept(bool is_finite);

  // After the updates of a step: takes the next scale.
  void end_step();

  // "loss_scale", "finite_updates".
  void state(StateVisitor& visitor);

 private:
  bool is_on_;
  double scale_ = 65536;
  int64_t finite_updates_ = 0;  // in a row
  double next_scale_ = scale_;  // of the next step
};

}  // namespace semiseg
