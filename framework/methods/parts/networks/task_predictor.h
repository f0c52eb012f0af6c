// SPDX-License-Identifier: Apache-2.0
// Predictions of a network that takes a prompt for each task and answers with background and
// foreground (versemi_vnet.cpp), as logits of the data's classes.
#pragma once

#include <cstdint>

#include "framework/methods/method.h"

namespace semiseg {

class TaskPredictor : public Predictor {
 public:
  // `classes` is tasks + 1, task t's foreground being class t + 1, or 2, the same foreground in
  // all.
  TaskPredictor(Backbone& network, int64_t tasks, int64_t classes)
      : network_(network), tasks_(tasks), classes_(classes) {}
  // The task is unknown: every class's foreground stands against the background's logit 0.
  at::Tensor predict(const at::Tensor& image) override;
  // Classes of other tasks are impossible.
  at::Tensor predict_task(const at::Tensor& image, int64_t task) override;
  const Backbone* network() const override { return &network_; }

 private:
  Backbone& network_;
  int64_t tasks_, classes_;
};

}  // namespace semiseg
