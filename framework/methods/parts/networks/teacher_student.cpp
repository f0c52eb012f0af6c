// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/networks/teacher_student.h"

#include "framework/nn/losses/offset_cross_entropy.h"

namespace semiseg {
namespace {

// A base without an add-on, as a method.
class PlainTeacherStudent : public Method {
 public:
  explicit PlainTeacherStudent(std::unique_ptr<TeacherStudent> base) : base_(std::move(base)) {}

  Plan plan() const override { return base_->plan(); }
  void begin_stage(int64_t stage) override { base_->begin_stage(stage); }
  void step(const Batch& batch, Step& step) override {
    const ForwardPasses passes = base_->forward(batch, step);
    const at::Tensor total = passes.loss(plain_cross_entropy(*step.comm), step);
    step.record("loss.total", total);
    step.minimise(base_->optimiser(), total);
  }
  void after_step(Step& step) override { base_->after_step(step); }
  Predictor& predictor() override { return base_->predictor(); }
  void state(StateVisitor& visitor) override { base_->state(visitor); }

 private:
  std::unique_ptr<TeacherStudent> base_;
};

}  // namespace

TeacherStudent::TeacherStudent(const MethodContext& context)
    : student_(context.make_network({"student"})),
      teacher_(context.make_network({"teacher"})),
      optimiser_(make_optimiser("student", student_->parameters(), context.optimiser)),
      predictor_(*student_) {
  teacher_->copy_from(*student_);
}

void TeacherStudent::state(StateVisitor& visitor) {
  visitor.scope("student", [this](StateVisitor& v) { student_->state(v); });
  visitor.scope("teacher", [this](StateVisitor& v) { teacher_->state(v); });
  optimiser_->state(visitor);
}

bool register_teacher_student(TeacherStudentEntry entry) {
  MethodRegistry::instance().add({.name = entry.name,
                                  .summary = entry.summary,
                                  .family = entry.family,
                                  .paper = entry.paper,
                                  .read_options = entry.read_options,
                                  .make = [make = entry.make](const MethodContext& context) {
                                    return std::make_unique<PlainTeacherStudent>(make(context));
                                  }});
  return TeacherStudentRegistry::instance().add(std::move(entry));
}

LabelledCrossEntropy plain_cross_entropy(const Communicator& comm) {
  return [&comm](const at::Tensor& logits, const at::Tensor& label, const at::Tensor& mask) {
    return cross_entropy_with_offsets(logits, label, /*table=*/{}, mask, comm);
  };
}

}  // namespace semiseg
