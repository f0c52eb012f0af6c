// SPDX-License-Identifier: Apache-2.0
#include "launch/parity/method_batch.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <cctype>
#include <numeric>

namespace semiseg {
namespace {

// Reads the images of one step.
class StepImages {
 public:
  StepImages(const ParityCase& parity, int64_t i, at::ScalarType dtype)
      : parity_(parity), prefix_(fmt::format("in.{}.", i)), dtype_(dtype) {}

  bool has(const std::string& name) const { return parity_.has(prefix_ + name); }
  at::Tensor raw(const std::string& name) const { return parity_.tensor(prefix_ + name); }
  at::Tensor image(const std::string& name) const { return raw(name).to(dtype_); }
  // The first of these that the case has; undefined: none.
  at::Tensor first_of(const std::vector<std::string>& names) const {
    for (const std::string& name : names) {
      if (has(name)) return image(name);
    }
    return {};
  }

 private:
  const ParityCase& parity_;
  std::string prefix_;
  at::ScalarType dtype_;
};

SampleIds ids_from(int64_t first, int64_t count) {
  SampleIds ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

// Weak images of labelled and unlabelled samples; those of the latter may stand in a tensor of
// their own.
at::Tensor weak_images(const StepImages& images, int64_t labelled) {
  const at::Tensor image = images.first_of({"image", "image_weak"});
  if (image.size(0) > labelled || !images.has("image")) return image;
  const at::Tensor rest = images.first_of({"image_weak", "image_unlabelled"});
  return rest.defined() ? at::cat({image, rest}) : image;
}

// An image of all samples, or of the unlabelled ones.
void add_view(Batch& batch, const char* view, const at::Tensor& image) {
  if (!image.defined()) return;
  const bool is_whole = image.size(0) == static_cast<int64_t>(batch.samples.size());
  batch.add_view(view, image, {},
                 is_whole ? std::vector<std::string>() : std::vector<std::string>{"unlabelled"});
}

void add_mix_stream(Batch& batch, const StepImages& images) {
  const at::Tensor weak = images.image("image_weak_mix");
  batch.add_stream("mix", ids_from(static_cast<int64_t>(batch.samples.size()), weak.size(0)));
  batch.add_view(kWeakView, weak, {}, {"mix"});
  batch.add_view("strong", images.image("image_strong_mix.1"), {}, {"mix"});
  batch.add_view("strong2", images.image("image_strong_mix.2"), {}, {"mix"});
}

// Overlaps [B,axes,4]: begin and end in the weak view, then in the second crop.
void add_second_crop(Batch& batch, const StepImages& images) {
  const at::Tensor overlap = images.raw("overlap"), crop = images.image("image_shifted");
  std::vector<Placement> weak(batch.samples.size()), second(batch.samples.size());
  for (size_t i = 0; i < weak.size(); ++i) {
    for (int64_t axis = 0; axis < overlap.size(1); ++axis) {
      const auto at = [&](int64_t place) {
        return overlap[static_cast<int64_t>(i)][axis][place].item<int64_t>();
      };
      // Crops without a common part lie a whole side apart.
      const int64_t shift = at(0) == at(1) ? crop.size(2 + axis) : at(2) - at(0);
      weak[i].crop.offset[static_cast<size_t>(axis)] = shift;
    }
  }
  int64_t row = 0;
  for (Stream& stream : batch.streams) {
    for (StreamView& view : stream.views)
      view.placements.assign(weak.begin() + row, weak.begin() + row + stream.size());
    row += stream.size();
  }
  batch.add_view("second_crop", crop, second);
}

// Monte-Carlo noise [passes, 2u, …]: pass t sees the unlabelled batch twice.
void split_passes(std::map<std::string, at::Tensor>& draws) {
  const auto found = draws.find("mc_noise");
  if (found == draws.end()) return;
  const at::Tensor all = found->second;
  draws.erase(found);
  for (int64_t t = 0; t < all.size(0); ++t) {
    const auto halves = all[t].chunk(2);
    for (size_t copy = 0; copy < halves.size(); ++copy)
      draws[fmt::format("mc_noise.{}.{}", t, copy)] = halves[copy];
  }
}

}  // namespace

Batch batch_of(const ParityCase& parity, int64_t i, at::ScalarType dtype) {
  const StepImages images(parity, i, dtype);
  const int64_t labelled = parity.options.at("labelled");
  const at::Tensor weak = weak_images(images, labelled);
  Batch batch;
  Stream& first = batch.add_stream("labelled", ids_from(0, labelled));
  first.label = images.raw("label").slice(0, 0, labelled);
  if (images.has("task")) first.task = images.raw("task").slice(0, 0, labelled) - 1;
  if (weak.size(0) > labelled)
    batch.add_stream("unlabelled", ids_from(labelled, weak.size(0) - labelled));
  batch.add_view(kWeakView, weak);
  add_view(batch, "strong", images.first_of({"image_strong", "image_strong.1"}));
  if (images.has("label_strong"))
    batch.streams[0].views.back().label = images.raw("label_strong").slice(0, 0, labelled);
  add_view(batch, "strong2", images.first_of({"image_strong.2"}));
  if (images.has("image_shifted")) add_second_crop(batch, images);
  if (images.has("image_weak_mix")) add_mix_stream(batch, images);
  return batch;
}

std::map<std::string, at::Tensor> draws_of(const ParityCase& parity, int64_t i) {
  std::map<std::string, at::Tensor> draws = parity.tensors(fmt::format("draw.{}.", i));
  for (const auto& [name, value] : parity.tensors("draw.")) {
    if (std::isdigit(static_cast<unsigned char>(name[0])) == 0)
      draws.emplace("once." + name, value);
  }
  split_passes(draws);
  return draws;
}

}  // namespace semiseg
