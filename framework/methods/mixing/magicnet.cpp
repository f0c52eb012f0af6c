// SPDX-License-Identifier: Apache-2.0
// MagicNet: Chen et al., CVPR 2023, as DeepMed-Lab-ECNU/MagicNet train_main_btcv has it. Volumes
// are cut into cubes of `cube_size` (cubes.h). The network has a head that tells a cube's place
// (vnet_magic).
//
//   a  z          network on the batch
//   b  z_cross    network on images whose cubes were exchanged over the batch, an own permutation
//                 at each place; the embeddings go back to their images before the last convolution
//   c  z_teacher  teacher on x_u + n, no gradient
//   d  z_within   each cube alone, those of an image in one pass; its place from the bottleneck:
//                 L_loc = NLL; the embeddings are put together and pass the last convolution
//
//   L = ¼ (CE(z) + D(z) + D(z_cross) + D(z_within)) + w L_loc + λ(t) D(z_cross, ŷ), the first on
//       labelled, the last on unlabelled volumes
//   ŷ = argmax of the teacher in the first blend_after iterations, then of
//       softmax((1 − ω) z_teacher + ω z_within), ω = f[teacher's class] / max f, f the distribution
//       of earlier pseudo-labels to the power 1/T, refreshed every distribution_every iterations
//
// D is the Dice over all classes with squared denominators and smooth 1e-10. In the reference the
// cubes of (d) are cut with x outermost and put back with z outermost, so the cube of (z, y, x)
// stands at (x, y, z); cube_recovery = "same" puts them where they were. Teacher parameters follow
// by an average with warm-up. Volumes only.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/config/option_list.h"
#include "framework/methods/parts/consistency.h"
#include "framework/methods/parts/mixing/cubes.h"
#include "framework/methods/parts/networks/single_network.h"
#include "framework/methods/parts/networks/teacher_noise.h"
#include "framework/nn/ema.h"
#include "framework/nn/losses/losses.h"

namespace semiseg::magicnet {
namespace {

struct Options {
  ConsistencyOptions consistency{.weight = 0.1};
  EmaOptions ema{.decay = 0.99, .warmup = true, .buffers = "none"};
  TeacherNoise noise;
  int64_t cube = 32, blend_after = 100, distribution_every = 20;
  double location = 0.1, temperature = 1;
  std::vector<double> distribution;
  std::string recovery = "reference";

  static Options read(const Config& section) {
    Options o;
    o.consistency = ConsistencyOptions::read(section, o.consistency);
    o.ema = EmaOptions::read(section, o.ema);
    o.noise = TeacherNoise::read(section);
    section.read(
        "cube_size", o.cube, {16, 512},
        "Side of the cubes in voxels; it divides the sides of the patch. Set backbone.cube "
        "to the same. Lower it for small organs.");
    section.read("location_weight", o.location, {0, 100},
                 "Weight of telling a cube's place. Lower it when the segmentation suffers.");
    section.read("blend_after", o.blend_after, {0, 1e9},
                 "Iteration behind which pseudo-labels blend teacher and cubes. Lower it for short "
                 "trainings.");
    section.read("distribution_every", o.distribution_every, {1, 1e9},
                 "Number of iterations between two estimates of the classes' distribution.");
    section.read("distribution_temperature", o.temperature, {0.01, 100},
                 "Temperature T of that distribution. Raise it to blend rare classes less.");
    section.read("class_distribution", o.distribution, {0, 1e18},
                 "Numbers of voxels of each class at first, by which classes are blended; empty: "
                 "all alike.");
    section.read(
        "cube_recovery", o.recovery, {"reference", "same"},
        "Places of the cubes that are put together: mirrored as in the reference, or those "
        "that they came from.");
    return o;
  }
};

std::vector<std::vector<int64_t>> one_group(int64_t batch) {
  std::vector<int64_t> all(static_cast<size_t>(batch));
  for (int64_t i = 0; i < batch; ++i) all[static_cast<size_t>(i)] = i;
  return {all};
}

class MagicNet : public SingleNetwork {
 public:
  explicit MagicNet(const MethodContext& context)
      : SingleNetwork(context, labelled_and_unlabelled(context), one_group(context.batch)),
        options_(Options::read(context.options)),
        batch_(context.batch),
        teacher_(context.make_network({"teacher"})),
        counts_(at::zeros({context.shape.classes}, at::kDouble)),
        distribution_(first_distribution(options_, context.shape.classes)) {
    teacher_->copy_from(*network_);
    check_cubes(context.shape.patch_size, options_.cube);
  }

  void step(const Batch& batch, Step& step) override {
    const Stream& labelled = batch["labelled"];
    const int64_t b = labelled.size();
    const at::Tensor image = batch.joined();
    const CubeGrid grid(image.sizes().slice(2), options_.cube);
    const at::Tensor logits =
        network_->forward(image, step.train_pass("student", batch.samples)).logits;
    const at::Tensor cross = cross_image(image, batch.samples, grid, step);
    const at::Tensor teacher = teach(batch["unlabelled"], step);
    const auto [within, location] = within_image(image, batch.samples, grid, step);
    const at::Tensor pseudo = pseudo_label(teacher, within.slice(0, b), step);

    const auto dice = [&](const at::Tensor& z, const at::Tensor& label) {
      return dice_masked_2d(z.softmax(1), label, {}, *step.comm);
    };
    const at::Tensor ce = cross_entropy(logits.slice(0, 0, b), labelled.label, *step.comm),
                     plain = dice(logits.slice(0, 0, b), labelled.label),
                     exchanged = dice(cross.slice(0, 0, b), labelled.label),
                     alone = dice(within.slice(0, 0, b), labelled.label),
                     consistency = dice(cross.slice(0, b), pseudo);
    const at::Tensor supervised = (ce + plain + exchanged + alone) / 4;
    const double weight =
        consistency_weight(options_.consistency, step.iteration, step.stage_iterations);
    step.record("loss.supervised_ce", ce);
    step.record("loss.supervised_dice", plain);
    step.record("loss.cross_image_dice", exchanged);
    step.record("loss.within_image_dice", alone);
    step.record("loss.supervised", supervised);
    step.record("loss.location", location);
    step.record("loss.consistency", consistency);
    step.record("consistency_weight", weight);
    finish(supervised + options_.location * location + weight * consistency, step);
  }

  void after_step(Step& step) override {
    update_teacher(*teacher_, *network_, options_.ema, step.iteration);
  }

  void state(StateVisitor& visitor) override {
    SingleNetwork::state(visitor);
    visitor.scope("teacher", [this](StateVisitor& v) { teacher_->state(v); });
    visitor.scope("classes", [this](StateVisitor& v) {
      v.tensor("counts", counts_);
      v.tensor("distribution", distribution_);
    });
  }

 private:
  static at::Tensor first_distribution(const Options& options, int64_t classes) {
    return options.distribution.empty() ? at::ones({classes}, at::kDouble)
                                        : at::tensor(options.distribution, at::kDouble);
  }

  at::Tensor last_layer(const at::Tensor& embedding) const {
    const Classifier head = network_->classifier();
    const std::vector<int64_t> ones(head.weight.dim() - 2, 1), zeros(head.weight.dim() - 2, 0);
    return at::convolution(embedding, head.weight.to(embedding.scalar_type()),
                           head.bias.to(embedding.scalar_type()), ones, zeros, ones,
                           /*transposed=*/false, zeros, /*groups=*/1)
        .to(head.weight.scalar_type());
  }

  at::Tensor cross_image(const at::Tensor& image, const SampleIds& samples, const CubeGrid& grid,
                         const Step& step) {
    const at::Tensor order =
        step.draws->permutations("cube_permutation", batch_, grid.shape()).flatten(1);
    if (image.size(0) == 0) return last_layer(embedding_of(image, samples, "student/cross", step));
    const at::Tensor embedding =
        embedding_of(grid.exchanged(image, order), samples, "student/cross", step);
    return last_layer(grid.exchanged(embedding, order.argsort(/*stable=*/true, 0)));
  }

  at::Tensor embedding_of(const at::Tensor& image, const SampleIds& samples,
                          const std::string& pass, const Step& step) {
    return network_->forward(image, step.train_pass(pass, samples)).features;
  }

  at::Tensor teach(const Stream& unlabelled, const Step& step) {
    const at::NoGradGuard no_grad;
    const at::Tensor noisy =
        options_.noise.added(unlabelled.image(), "teacher_noise", unlabelled.samples, step);
    return teacher_->forward(noisy, step.train_pass("teacher", unlabelled.samples)).logits;
  }

  // Logits of the volumes that are put together, and L_loc. Each image's cubes are one batch, so every
  // rank makes as many passes as the whole batch has images.
  std::pair<at::Tensor, at::Tensor> within_image(const at::Tensor& image, const SampleIds& samples,
                                                 const CubeGrid& grid, const Step& step) {
    std::vector<at::Tensor> volumes, places, targets;
    for (int64_t i = 0; i < batch_; ++i) {
      const bool is_here = i < image.size(0);
      const at::Tensor cubes = grid.cubes(image.slice(0, i, i + 1));
      SampleIds ids;
      for (int64_t place = 0; is_here && place < grid.count(); ++place)
        ids.push_back(samples[static_cast<size_t>(i)] + ((place + 1) << 40));
      const NetworkOutput out =
          network_->forward(cubes, step.train_pass("student/cubes" + std::to_string(i), ids));
      volumes.push_back(grid.joined(out.features, options_.recovery == "reference"));
      places.push_back(out["location"]);
      if (is_here) targets.push_back(grid.numbers_from_first_axis().to(image.device()));
    }
    const at::Tensor target =
        targets.empty() ? at::empty({0}, image.options().dtype(at::kLong)) : at::cat(targets);
    return {last_layer(at::cat(volumes)), cross_entropy(at::cat(places), target, *step.comm)};
  }

  at::Tensor pseudo_label(const at::Tensor& teacher, const at::Tensor& within, Step& step) {
    const at::NoGradGuard no_grad;
    at::Tensor label = teacher.argmax(1);
    if (step.iteration > options_.blend_after) {
      const at::Tensor f = (distribution_ / distribution_.sum()).pow(1 / options_.temperature);
      const at::Tensor share = (f / f.max()).to(teacher.scalar_type());
      const at::Tensor omega = share.index_select(0, label.flatten()).view(label.sizes());
      label = at::lerp(teacher, within.detach(), omega.unsqueeze(1)).argmax(1);
    }
    remember(label, step);
    return label;
  }

  // Counts the classes of pseudo-labels.
  void remember(const at::Tensor& label, const Step& step) {
    const int64_t classes = counts_.size(0);
    counts_ += step.comm->sum(at::bincount(label.flatten(), {}, classes).to(at::kDouble));
    if (step.iteration % options_.distribution_every != 0) return;
    distribution_.copy_(counts_.clamp_min(1));
    counts_.zero_();
  }

  Options options_;
  int64_t batch_;
  std::unique_ptr<Backbone> teacher_;
  at::Tensor counts_, distribution_;  // [K] voxels
};

const bool registered = MethodRegistry::instance().add(
    {.name = "magicnet",
     .summary = "Cubes exchanged between volumes, and located in their own",
     .family = "copy-paste",
     .paper = "Chen et al., CVPR 2023",
     .networks = {.slices = "none", .volumes = "vnet_magic", .divisor = 32},
     .small = [](int64_t) { return "cube_size = 16"; },
     .read_options = read_and_forget<Options>,
     .make = [](const MethodContext& context) { return std::make_unique<MagicNet>(context); }});

}  // namespace
}  // namespace semiseg::magicnet
