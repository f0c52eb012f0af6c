// SPDX-License-Identifier: Apache-2.0
// Correlation alignment (CORAL) on a teacher–student base: Sun & Saenko, "Deep CORAL", ECCV 2016
// workshops, with pixels in place of images.
//
//   L = L_base + λ L_CORAL,  L_CORAL = ‖C_l − C_u‖²_F / (4 A²)   (eq. 1, 4; coral_loss.h)
//
// C_l, C_u: covariances of the student's features, the input of its last layer, over the labelled
// and the unlabelled pixels of the batch. It aligns the second moments that transmedseg shifts
// logits with, without means, memory or offsets. It starts with the base's self-training, when
// there are unlabelled images. class_wise takes the covariances of each class (pseudo-class) and
// their mean distance, which is not in the paper. The paper tunes λ until both losses end alike.
#include <ATen/TensorOperators.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/coral_loss.h"
#include "framework/methods/parts/networks/teacher_student.h"

namespace semiseg::coral {
namespace {

struct Options {
  std::string base = "bcp";
  double weight = 1;
  bool class_wise = false;

  // Reads the options of the base, too: they are in the same section.
  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    const auto& bases = TeacherStudentRegistry::instance();
    section.read("base", o.base, bases.names(),
                 "Teacher–student method that the alignment is added to. Its options are read from "
                 "the same section.");
    section.read("coral_weight", o.weight, {0, 1e6},
                 "Weight λ of the distance of the covariances. Tune it on the validation split: "
                 "raise it until the distance falls to the size of the other losses.");
    section.read("class_wise", o.class_wise,
                 "Aligns the covariances of each class alone, unlabelled pixels by pseudo-labels, "
                 "instead of those of all pixels. Turn it on when pseudo-labels are good.");
    bases.find(o.base).read_options(section, shape);
    return o;
  }
};

class Coral : public Method {
 public:
  Coral(const MethodContext& context, const Options& options)
      : options_(options),
        base_(TeacherStudentRegistry::instance().find(options.base).make(context)),
        classes_(options.class_wise ? context.shape.classes : 0) {}

  Plan plan() const override { return base_->plan(); }
  void begin_stage(int64_t stage) override { base_->begin_stage(stage); }

  void step(const Batch& batch, Step& step) override {
    const ForwardPasses passes = base_->forward(batch, step);
    at::Tensor total = passes.loss(plain_cross_entropy(*step.comm), step);
    if (passes.streams.labelled) {
      const at::Tensor distance =
          coral_loss(passes.streams.labelled(), passes.streams.unlabelled(), classes_, *step.comm);
      step.record("loss.base", total);
      step.record("loss.coral", distance);
      total = total + options_.weight * distance;
    }
    step.record("loss.total", total);
    step.minimise(base_->optimiser(), total);
  }

  void after_step(Step& step) override { base_->after_step(step); }
  Predictor& predictor() override { return base_->predictor(); }
  void state(StateVisitor& visitor) override { base_->state(visitor); }

 private:
  Options options_;
  std::unique_ptr<TeacherStudent> base_;
  int64_t classes_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "coral",
     .summary = "Aligned feature covariances (CORAL) added to a teacher–student base",
     .family = "feature statistics",
     .paper = "Sun & Saenko, ECCV 2016 workshops",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       const Options options = Options::read(context.options, context.shape);
       return std::make_unique<Coral>(context, options);
     }});

}  // namespace
}  // namespace semiseg::coral
