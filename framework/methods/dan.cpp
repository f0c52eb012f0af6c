// SPDX-License-Identifier: Apache-2.0
// Deep adversarial network: Zhang et al., MICCAI 2017, as HiLab-git/SSL4MIS
// train_adversarial_network_2D and _3D have it.
//
//   segmentor      L_S = ½ (CE(z_l, y) + D(p_l, y)) + λ(t) · CE(D(p_u, x_u), 1)     D in evaluation
//   mode discriminator  L_D = CE(D(p, x), [1 for labelled, 0 for unlabelled])            S in
//   evaluation mode, no gradient
//
// The discriminator looks at probabilities and image, stacked as channels [p, x]. It has its own
// Adam, constant rate.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/network_predictor.h"
#include "framework/nn/losses/losses.h"

namespace semiseg {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  std::string discriminator;
  OptimiserOptions optimiser{.kind = "adam",
                             .learning_rate = 1e-4,
                             .betas = {0.9, 0.99},
                             .weight_decay = 0,
                             .schedule = "constant"};

  static Options read(const Config& section, const NetworkShape& shape) {
    Options o;
    o.discriminator = shape.patch_size.size() == 3 ? "discriminator_3d" : "discriminator_2d";
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    section.read(
        "discriminator", o.discriminator,
        "Backbone that tells the predictions of labelled and unlabelled images apart; the default "
        "fits the dimensions of the patch. Its options are in [method.<its name>].");
    o.optimiser = OptimiserOptions::read(section.section("discriminator_optimiser"), o.optimiser);
    const BackboneEntry& network = BackboneRegistry::instance().find(o.discriminator);
    network.read_options(section.section(o.discriminator), shape);
    return o;
  }
};

class DeepAdversarialNetwork : public Method {
 public:
  explicit DeepAdversarialNetwork(const MethodContext& context)
      : options_(Options::read(context.options, context.shape)),
        stage_{.name = "train",
               .iterations = context.iterations,
               .streams = labelled_and_unlabelled(context)},
        segmentor_(context.make_network({"student"})),
        discriminator_(context.make_network(
            {.net = "discriminator",
             .backbone = options_.discriminator,
             .shape = NetworkShape{.channels = context.shape.classes + context.shape.channels,
                                   .classes = 2,
                                   .patch_size = context.shape.patch_size,
                                   .dtype = context.shape.dtype,
                                   .device = context.shape.device}})),
        optimiser_(make_optimiser("student", segmentor_->parameters(), context.optimiser)),
        discriminator_optimiser_(
            make_optimiser("discriminator", discriminator_->parameters(), options_.optimiser)),
        predictor_(*segmentor_) {}

  Plan plan() const override { return {{stage_}}; }

  void step(const Batch& batch, Step& step) override {
    segment(batch, step);
    discriminate(batch, step);
  }

  Predictor& predictor() override { return predictor_; }

  void state(StateVisitor& visitor) override {
    visitor.scope("student", [this](StateVisitor& v) { segmentor_->state(v); });
    visitor.scope("discriminator", [this](StateVisitor& v) { discriminator_->state(v); });
    optimiser_->state(visitor);
    discriminator_optimiser_->state(visitor);
  }

 private:
  static at::Tensor origin(int64_t size, int64_t value, const at::Tensor& like) {
    return at::full({size}, value, like.options().dtype(at::kLong));
  }

  void segment(const Batch& batch, Step& step) {
    const Stream &labelled = batch["labelled"], &unlabelled = batch["unlabelled"];
    const int64_t b = labelled.size();
    const at::Tensor logits =
        segmentor_->forward(batch.joined(), step.train_pass("student", batch.samples)).logits;
    const at::Tensor& image_u = unlabelled.image();
    const at::Tensor map_u = logits.slice(0, b).softmax(1);
    const at::Tensor verdict = discriminator_->forward(at::cat({map_u, image_u}, 1), Pass{}).logits;
    const at::Tensor supervised =
        supervised_loss(logits.slice(0, 0, b), labelled.label, *step.comm);
    const at::Tensor adversarial =
        cross_entropy(verdict, origin(image_u.size(0), 1, image_u), *step.comm);
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    const at::Tensor total = supervised + weight * adversarial;
    step.record("loss.supervised", supervised);
    step.record("loss.consistency", adversarial);
    step.record("consistency_weight", weight);
    step.record("loss.total", total);
    step.minimise(*optimiser_, total);
  }

  void discriminate(const Batch& batch, Step& step) {
    const int64_t b = batch["labelled"].size(), size = std::ssize(batch.samples);
    const at::Tensor image = batch.joined();
    at::Tensor map;
    {
      const at::NoGradGuard no_grad;
      map = segmentor_->forward(image, Pass{}).logits.softmax(1);
    }
    const at::Tensor verdict =
        discriminator_
            ->forward(at::cat({map, image}, 1), step.train_pass("discriminator", batch.samples))
            .logits;
    const at::Tensor target = at::cat({origin(b, 1, map), origin(size - b, 0, map)});
    const at::Tensor loss = cross_entropy(verdict, target, *step.comm);
    step.record("loss.discriminator", loss);
    step.minimise(*discriminator_optimiser_, loss);
  }

  Options options_;
  Stage stage_;
  std::unique_ptr<Backbone> segmentor_, discriminator_;
  std::unique_ptr<Optimiser> optimiser_, discriminator_optimiser_;
  NetworkPredictor predictor_;
};

const bool registered = MethodRegistry::instance().add(
    {.name = "dan",
     .summary = "A discriminator pushes unlabelled predictions towards labelled ones",
     .family = "adversarial",
     .paper = "Zhang et al., MICCAI 2017",
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) {
       return std::make_unique<DeepAdversarialNetwork>(context);
     }});

}  // namespace
}  // namespace semiseg
