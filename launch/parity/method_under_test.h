// SPDX-License-Identifier: Apache-2.0
// A method with all that it needs, stepped without a trainer.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/methods/method.h"
#include "framework/train/gradients/reduction.h"
#include "framework/train/gradients/scaler.h"

namespace semiseg {

struct MethodSetup {
  std::string name;     // registered
  std::string options;  // TOML of section [method], beside the name
  std::string backbone =
      "name = \"unet\"\ndropout = [0, 0, 0, 0, 0]";  // TOML of section [backbone]
  int64_t channels = 1, classes = 4, domains = 2, tasks = 2, batch = 8, labelled = 4,
          iterations = 100;
  std::vector<int64_t> patch_size = {32, 32};
  OptimiserOptions optimiser;
  at::ScalarType dtype = at::kDouble;
  std::string precision = "float32";  // of the networks: "bfloat16" narrows their activations
  uint64_t seed = 0;
  // Voxels of each class in the labelled pool; empty: each class has half of those of the one before.
  std::vector<int64_t> class_voxels;

  NetworkShape shape() const {
    return {.channels = channels,
            .classes = classes,
            .patch_size = patch_size,
            .tasks = tasks,
            .dtype = dtype};
  }
};

class MethodUnderTest {
 public:
  // `comm` outlives it.
  MethodUnderTest(const MethodSetup& setup, const Communicator& comm);
  Method& operator*() { return *method_; }
  Method* operator->() { return method_.get(); }

  // Runs one step and returns its records in order; `stage_iterations` is that of the method's plan
  // unless given.
  std::vector<std::pair<std::string, double>> step(const Batch& batch, int64_t stage,
                                                   int64_t iteration, const Draws& draws,
                                                   int64_t stage_iterations = -1);

  // Returns the tensors of the state below "<net>/", in order: parameters, then buffers. They share
  // memory with the method.
  std::vector<NamedTensor> tensors(const std::string& net);

  // Options of section [method] that nothing reads, or empty.
  const std::string& unread() const { return unread_; }
  // The options that the method read when it was made.
  const std::vector<OptionRead>& reads() const { return reads_; }

 private:
  const Communicator& comm_;
  GradientReduction reduction_;
  GradientScaler scaler_{false};
  std::unique_ptr<Method> method_;
  std::string unread_;
  std::vector<OptionRead> reads_;
};

}  // namespace semiseg
