// SPDX-License-Identifier: Apache-2.0
// The interface that teacher–student methods share: forward passes first, losses after. Such a
// method registers once and is then both a method of its own and a base that others add to.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/methods/method.h"
#include "framework/methods/parts/networks/network_predictor.h"
#include "framework/nn/losses/offset_cross_entropy.h"

namespace semiseg {

// Pixels that have a class, in the images of one forward pass of a network. N images, A features, K
// classes, S spatial axes.
struct ClassPixels {
  at::Tensor logits;    // [N,K,S]
  at::Tensor features;  // [N,A,S] input of the last linear layer, in the network's own dtype
  at::Tensor label;     // [N,S] int64; kIgnoreLabel where the pixel does not count
  // [N] Batch::samples of the images that the pixels with a class are from; each once in a stream.
  SampleIds samples;
};

// Mean cross entropy over pixels whose label counts and, when a mask [N,S] (0/1) is given, where it
// is 1; over all ranks. The base calls it for pixels with ground truth, so that an add-on can
// replace it.
using LabelledCrossEntropy = std::function<at::Tensor(
    const at::Tensor& logits, const at::Tensor& label, const at::Tensor& mask)>;

// The inputs of an add-on: for each stream one entry a forward pass, computed when the function is
// called. The functions are empty as long as the teacher is not used.
struct Streams {
  using Stream = std::function<std::vector<ClassPixels>()>;
  Stream labelled;            // student, ground truth
  Stream unlabelled;          // student, pseudo-label: the same or other images
  Stream teacher_unlabelled;  // teacher (no gradient) on the images as they are, pseudo-label
};

// The results of one step's forward passes.
struct ForwardPasses {
  Streams streams;
  // The base's whole loss; records its parts, not the total.
  std::function<at::Tensor(const LabelledCrossEntropy&, Step&)> loss;
};

// Two networks of one architecture, both from the student's initial weights; the student learns and
// is deployed.
class TeacherStudent {
 public:
  explicit TeacherStudent(const MethodContext& context);
  virtual ~TeacherStudent() = default;
  virtual Plan plan() const = 0;
  virtual void begin_stage(int64_t stage) {}
  virtual ForwardPasses forward(const Batch& batch, Step& step) = 0;
  virtual void after_step(Step& step) = 0;

  Backbone& student() { return *student_; }
  Backbone& teacher() { return *teacher_; }
  Optimiser& optimiser() { return *optimiser_; }  // the student's
  Predictor& predictor() { return predictor_; }
  void state(StateVisitor& visitor);

 protected:
  const std::unique_ptr<Backbone> student_, teacher_;

 private:
  const std::unique_ptr<Optimiser> optimiser_;
  NetworkPredictor predictor_;
};

struct TeacherStudentEntry {
  static const char* kind() { return "teacher–student base"; }
  std::string name, summary, family, paper;  // as in MethodEntry
  ReadNetworkOptions read_options = [](const Config&, const NetworkShape&) {};
  std::function<std::unique_ptr<TeacherStudent>(const MethodContext& context)> make;
};
using TeacherStudentRegistry = Registry<TeacherStudentEntry>;

// Registers the base under both registries.
bool register_teacher_student(TeacherStudentEntry entry);

// Returns the plain cross entropy: every labelled pixel has the same weight.
LabelledCrossEntropy plain_cross_entropy(const Communicator& comm);

}  // namespace semiseg
