// SPDX-License-Identifier: Apache-2.0
// A method built as a parity case of kind `method` wants it, and stepped with the case's batches
// and draws.
#pragma once

#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "framework/methods/method.h"
#include "framework/train/gradient_reduction.h"
#include "tests/parity.h"

namespace semiseg {

struct MethodSetup {
  std::string name;     // registered
  std::string options;  // TOML of section [method], beside the name
  std::string backbone =
      "name = \"unet\"\ndropout = [0, 0, 0, 0, 0]";  // TOML of section [backbone]
  int64_t classes = 4, batch = 8, labelled = 4, iterations = 100;
  std::vector<int64_t> patch_size = {32, 32};
  OptimiserOptions optimiser;
  at::ScalarType dtype = at::kDouble;
  uint64_t seed = 0;
};

// A small network on 32² images of three classes, for what every method must do; with three axes
// on 16 × 16 × 32 volumes.
MethodSetup small_setup(const std::string& name, int64_t axes = 2);

// A registered method on images of so many axes, and "bcp_3d" for test names.
struct MethodOnImages {
  std::string name;
  int64_t axes = 2;
  MethodSetup setup() const { return small_setup(name, axes); }
  std::string title() const { return axes == 2 ? name : name + "_3d"; }
  friend void PrintTo(const MethodOnImages& method, std::ostream* out) { *out << method.title(); }
};
std::vector<MethodOnImages> methods_on_images();

// All that a method needs to live, kept together.
class MethodUnderTest {
 public:
  MethodUnderTest(const MethodSetup& setup, const Communicator& comm);
  Method& operator*() { return *method_; }
  Method* operator->() { return method_.get(); }

  // Records of one step, in order; `stage_iterations` of the stage by the method's plan unless
  // given.
  std::vector<std::pair<std::string, double>> step(const Batch& batch, int64_t stage,
                                                   int64_t iteration, const Draws& draws,
                                                   int64_t stage_iterations = -1);

  // Tensors of the state below "<net>/", in order: parameters, then buffers. They share memory with
  // the method.
  std::vector<NamedTensor> tensors(const std::string& net);

 private:
  const Communicator& comm_;
  GradientReduction reduction_;
  std::unique_ptr<Method> method_;
};

// Sets up the networks of a case by the rule for weights.
MethodSetup setup_of(const ParityCase& parity);
void fill_networks(MethodUnderTest& method, const ParityCase& parity);

// Batch `i` of a case, in the setup's dtype.
Batch batch_of(const ParityCase& parity, int64_t i, at::ScalarType dtype);

// A batch of seeded noise: images in [0, 1], labels in blobs so that Dice has something to find.
Batch random_batch(const MethodSetup& setup, int64_t labelled, int64_t unlabelled, int64_t step);

// The share of a batch that falls to one rank: the samples in these slots.
Batch share_of(const Batch& batch, const std::vector<int64_t>& slots);

// Runs all steps of the case in float64 and compares losses, rates, gradient norms and final
// networks.
void expect_method_case(const ParityCase& parity, const std::string& method_options, int64_t stage);

}  // namespace semiseg
