// SPDX-License-Identifier: Apache-2.0
// A method with a strong view, registered as "test_strong_view" where this file is linked, so that
// the tests of every method meet one.
//
//   L = CE(z(x_l), y) + CE(z(strong x_u), argmax z(x_u)),   no gradient through the argmax
//
// Its option `defect` plants what a test must find.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/config/compose.h"
#include "framework/config/option_list.h"
#include "framework/data/dataset.h"
#include "framework/methods/method.h"
#include "framework/methods/parts/networks/network_predictor.h"
#include "framework/nn/losses/losses.h"

namespace semiseg {
namespace {

struct Options {
  std::string defect = "none";

  static Options read(const Config& section) {
    Options o;
    section.read("defect", o.defect, {"none", "zero_term", "weak_view_only", "reads_labels"},
                 "what is wrong with the method");
    return o;
  }
};

class StrongViewMethod : public Method {
 public:
  explicit StrongViewMethod(const MethodContext& context)
      : stage_{.name = "train",
               .iterations = context.iterations,
               .streams = labelled_and_unlabelled(context, {kWeakView, "strong"})},
        network_(context.make_network({"student"})),
        optimiser_(make_optimiser("student", network_->parameters(), context.optimiser)),
        predictor_(*network_),
        defect_(Options::read(context.options).defect) {}

  Plan plan() const override { return {{stage_}}; }

  void step(const Batch& batch, Step& step) override {
    const Stream &labelled = batch["labelled"], &images = batch["unlabelled"];
    const int64_t b = labelled.size();
    const at::Tensor weak =
        network_->forward(batch.joined(), step.train_pass("student", batch.samples)).logits;
    const at::Tensor strong =
        network_->forward(images.image("strong"), step.train_pass("student/strong", images.samples))
            .logits;
    const at::Tensor weak_u = weak.slice(0, b), pseudo = weak_u.detach().argmax(1);
    const at::Tensor supervised = cross_entropy(weak.slice(0, 0, b), labelled.label, *step.comm);
    const at::Tensor unlabelled =
        cross_entropy(defect_ == "weak_view_only" ? weak_u : strong, pseudo, *step.comm);
    const at::Tensor total = supervised + weight_of_unlabelled() * unlabelled;
    step.record("loss.supervised", supervised);
    step.record("loss.unlabelled", unlabelled);
    step.record("loss.total", total);
    step.minimise(*optimiser_, total);
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    visitor.scope("student", [this](StateVisitor& v) { network_->state(v); });
    optimiser_->state(visitor);
  }

 private:
  double weight_of_unlabelled() const {
    if (defect_ == "reads_labels") return mean_label_behind_the_pools();
    return defect_ == "zero_term" ? 0 : 1;
  }

  // Opens the data set of the leak drill again, past the loader, as a plug-in could.
  static double mean_label_behind_the_pools() {
    constexpr size_t kUnlabelledCase = 17;
    const auto source =
        DatasetRegistry::instance().find("test_leak_drill").make(parse_config("classes = 3"));
    return source->load_sample({.case_index = kUnlabelledCase})
        .label.to(at::kDouble)
        .mean()
        .item<double>();
  }

  Stage stage_;
  std::unique_ptr<Backbone> network_;
  std::unique_ptr<Optimiser> optimiser_;
  NetworkPredictor predictor_;
  std::string defect_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "test_strong_view",
     .summary = "pseudo-labels of the weak view teach the strong view",
     .family = "pseudo-labels",
     .paper = "",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<StrongViewMethod>(context);
     }});

}  // namespace
}  // namespace semiseg
