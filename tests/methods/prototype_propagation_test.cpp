// SPDX-License-Identifier: Apache-2.0
// Prototypes in the features of another program, by hand.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "framework/core/ignore_label.h"
#include "launch/conformance/training.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();

MethodSetup setup_with(const std::string& options) {
  MethodSetup setup = small_setup("prototype_propagation");
  setup.options = options;
  return setup;
}

// Steps on batches that `change` alters; `method` has what is left.
std::map<std::string, double> steps(MethodUnderTest& method, const MethodSetup& setup, int count,
                                    const std::function<void(Batch&)>& change = {}) {
  std::map<std::string, double> last;
  for (int i = 0; i < count; ++i) {
    Batch batch = random_batch(setup, method->plan().stages[0], 0);
    if (change) change(batch);
    for (const auto& [name, value] : method.step(batch, 0, i, Draws(setup.seed).at(0, i)))
      last[name] = value;
  }
  return last;
}

at::Tensor prototypes(MethodUnderTest& method) {
  return std::get<at::Tensor>(state_of(method).at("prototypes"));
}

at::Tensor& features_of(Stream& stream) {
  for (StreamView& view : stream.views)
    if (view.name == "features") return view.image;
  throw std::logic_error("no features");
}

TEST(PrototypePropagation, PrototypesAreMeansOfUnitFeatures) {
  const MethodSetup setup = setup_with("");
  MethodUnderTest method(setup, *kSerial);
  const Batch batch = random_batch(setup, method->plan().stages[0], 0);
  steps(method, setup, 1);
  const Stream& labelled = batch["labelled"];
  const at::Tensor features = labelled.image("features");
  const at::Tensor unit = features / features.square().sum(1, true).sqrt();
  for (int64_t c = 0; c < 3; ++c) {
    const at::Tensor mask = (labelled.label == c).unsqueeze(1);
    const at::Tensor mean = (unit * mask).sum(at::IntArrayRef{0, 2, 3}) / mask.sum();
    EXPECT_TRUE(at::allclose(prototypes(method)[c], mean)) << c;
  }
}

TEST(PrototypePropagation, VoxelsWithoutAClassCountInNone) {
  const MethodSetup setup = setup_with("");
  MethodUnderTest method(setup, *kSerial), other(setup, *kSerial);
  const auto hide = [](double value) {
    return [value](Batch& batch) {
      Stream& labelled = batch.streams[0];
      labelled.label = labelled.label.clone();
      labelled.label.slice(1, 0, 8).fill_(kIgnoreLabel);
      at::Tensor& features = features_of(labelled);
      features = features.clone();
      features.slice(2, 0, 8).fill_(value);
    };
  };
  steps(method, setup, 1, hide(1));
  steps(other, setup, 1, hide(-5));
  EXPECT_TRUE(at::equal(prototypes(method), prototypes(other)));
}

TEST(PrototypePropagation, APrototypeMovesByItsDecay) {
  const MethodSetup setup = setup_with("prototype_decay = 0.75");
  MethodUnderTest method(setup, *kSerial);
  steps(method, setup, 1);
  const at::Tensor first = prototypes(method).clone();
  steps(method, setup, 1, [](Batch& batch) {
    at::Tensor& features = features_of(batch.streams[0]);
    features = at::zeros_like(features);
    features.select(1, 0).fill_(1);
  });
  const at::Tensor unit = at::tensor({1.0, 0.0, 0.0}, at::kDouble);
  EXPECT_TRUE(at::allclose(prototypes(method), 0.75 * first + 0.25 * unit));
}

TEST(PrototypePropagation, OnlySureVoxelsInsideTheImageCount) {
  const auto ratio = [](const std::string& options,
                        const std::function<void(Batch&)>& change = {}) {
    const MethodSetup setup = setup_with(options);
    MethodUnderTest method(setup, *kSerial);
    return steps(method, setup, 1, change).at("loss.mask_ratio");
  };
  const auto pad = [](Batch& batch) {
    at::Tensor& features = features_of(batch.streams[1]);
    features = features.clone();
    features.slice(2, 0, 8).zero_();
  };
  EXPECT_EQ(ratio("conf_thresh = 0.0"), 1);
  EXPECT_EQ(ratio("conf_thresh = 0.0", pad), 0.75);
  EXPECT_EQ(ratio("conf_thresh = 1.0"), 0);
}

TEST(PrototypePropagation, ProbabilitiesAreOneForEachClass) {
  const auto train = [](int64_t classes) {
    MethodSetup setup = setup_with("teacher = \"probabilities\"");
    setup.classes = classes;
    MethodUnderTest method(setup, *kSerial);
    return steps(method, setup, 1);
  };
  EXPECT_EQ(train(3).count("loss.propagated"), 1u);
  expect_error(ErrorKind::kConfig, {"dataset.features", "4 classes", "3 features"},
               [&] { train(4); });
}

}  // namespace
}  // namespace semiseg
