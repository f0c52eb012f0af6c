// SPDX-License-Identifier: Apache-2.0
// The method in the real trainer, fed by the real loader from a data set with domains, tasks and
// every view that its streams ask for.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "framework/config/compose.h"
#include "framework/data/label_budget.h"
#include "framework/data/loader.h"
#include "framework/train/trainer.h"
#include "launch/conformance/checks.h"
#include "launch/conformance/memory_journal.h"
#include "launch/conformance/state_difference.h"
#include "launch/conformance/two_domains.h"

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

Pools pools_of(const DatasetSource& source, const MethodOnImages& method) {
  const auto dims = static_cast<int>(method.axes);
  return semiseg::pools_of(resolve_budget(source.training_samples(dims), source.cases(), "10"));
}

// Makes the loaders of a method on a small data set.
class SmallLoaders {
 public:
  explicit SmallLoaders(const MethodOnImages& method)
      : setup_(method.setup()),
        source_(method.axes, setup_.classes),
        pools_(pools_of(source_, method)) {}

  std::unique_ptr<Loader> make(const Stage& s, int64_t stage, int64_t first) const {
    const Views views = all_views();
    views.check(s.streams);
    return std::make_unique<Loader>(
        LoaderParts{.samples = std::make_shared<SampleCache>(source_, pools_.samples, 64),
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

 private:
  MethodSetup setup_;
  TwoDomains source_;
  Pools pools_;
};

struct MemoryRecords {
  MemoryJournal journal;
  MemoryDisplay display;
};

// Trains until `stop_after` steps of this start and returns whether that was the end.
bool train_short(const MethodOnImages& method, MemoryRecords& records, int64_t stop_after) {
  const SmallLoaders loaders(method);
  const auto comm = make_serial_communicator();
  const ProtocolOptions protocol{.log_every = 1};
  MethodUnderTest tested(method.setup(), *comm);
  ShortPlan shortened(*tested);
  Trainer trainer({.method = shortened,
                   .protocol = protocol,
                   .comm = *comm,
                   .draws = Draws(1),
                   .batches =
                       [&](int64_t stage, int64_t first) {
                         return loaders.make(shortened.plan().stages[static_cast<size_t>(stage)],
                                             stage, first);
                       },
                   .validate = {},
                   .journal = &records.journal,
                   .displays = {&records.display},
                   .stop_reason = [=](int64_t steps) -> std::optional<std::string> {
                     if (steps < stop_after) return std::nullopt;
                     return "enough";
                   }});
  return trainer.run();
}

}  // namespace

Findings check_trainer(const MethodOnImages& method) {
  constexpr int64_t kToTheEnd = 1000;
  MemoryRecords whole, interrupted;
  Findings findings;
  if (!train_short(method, whole, kToTheEnd)) findings.push_back("the training stops by itself");
  if (train_short(method, interrupted, 1))
    findings.push_back("the training goes on though it is asked to stop");
  if (!train_short(method, interrupted, kToTheEnd))
    findings.push_back("the resumed training stops by itself");
  if (whole.display.steps != interrupted.display.steps) {
    findings.push_back(fmt::format("the interrupted training has {} steps instead of {}",
                                   interrupted.display.steps, whole.display.steps));
  }
  const auto names =
      differing_entries(whole.journal.newest.value(), interrupted.journal.newest.value());
  if (!names.empty())
    findings.push_back(
        fmt::format("after an interruption these differ: {}", fmt::join(names, ", ")));
  return findings;
}

}  // namespace semiseg
