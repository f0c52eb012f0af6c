// SPDX-License-Identifier: Apache-2.0
#include "launch/conformance/short_training.h"

#include "framework/config/compose.h"

namespace semiseg {
namespace {

// All stages of a method, of two iterations each.
class ShortPlan : public Method {
 public:
  explicit ShortPlan(Method& method) : method_(method) {}
  Plan plan() const override {
    Plan plan = method_.plan();
    for (Stage& stage : plan.stages) stage.iterations = 2;
    return plan;
  }
  void begin_stage(int64_t stage) override { method_.begin_stage(stage); }
  void step(const Batch& batch, Step& step) override { method_.step(batch, step); }
  void after_step(Step& step) override { method_.after_step(step); }
  Predictor& predictor() override { return method_.predictor(); }
  void settle(const Communicator& comm) override { method_.settle(comm); }
  void state(StateVisitor& visitor) override { method_.state(visitor); }

 private:
  Method& method_;
};

Views all_views() {
  return Views::read(parse_config("[second_crop]\ngeometry = 'own'\n[strong2]\nsteps = []"));
}

}  // namespace

std::unique_ptr<Loader> SmallLoaders::make(const Stage& s, int64_t stage, int64_t first) const {
  const Views views = all_views();
  views.check(s.streams);
  return std::make_unique<Loader>(
      LoaderParts{
          .samples = std::make_shared<SampleCache>(source_, pools_.samples, 64,
                                                   [](const SampleInfo&, const at::Tensor& image) {
                                                     return made_features(image, 0).contiguous();
                                                   }),
          .plan = BatchPlan(pools_, s.streams, Draws(1), stage),
          .slots = share(s.streams, s.colocated, 0, 1),
          .transform = TransformOptions::read(parse_config(""), setup_.patch_size),
          .views = views,
          .draws = Draws(1),
          .stage = stage,
          .first_step = first,
          .steps = s.iterations,
          .dtype = setup_.dtype},
      LoaderOptions{.threads = 1});
}

bool train_short(const MethodOnImages& method, const SmallLoaders& loaders, MemoryRecords& records,
                 int64_t stop_after, const SmallValidation& validation) {
  const auto comm = make_serial_communicator();
  const ProtocolOptions protocol{.validate_every = 1, .log_every = 1};
  MethodUnderTest tested(method.setup(), *comm);
  ShortPlan shortened(*tested);
  std::function<ValueRow()> validate;
  if (validation) {
    validate = [&] { return ValueRow{{"score", validation(tested->predictor())}}; };
  }
  Trainer trainer({.method = shortened,
                   .protocol = protocol,
                   .comm = *comm,
                   .draws = Draws(1),
                   .batches =
                       [&](int64_t stage, int64_t first) {
                         return loaders.make(shortened.plan().stages[static_cast<size_t>(stage)],
                                             stage, first);
                       },
                   .validate = validate,
                   .journal = &records.journal,
                   .displays = {&records.display},
                   .stop_reason = [=](int64_t steps) -> std::optional<std::string> {
                     if (steps < stop_after) return std::nullopt;
                     return "enough";
                   }});
  return trainer.run();
}

}  // namespace semiseg
