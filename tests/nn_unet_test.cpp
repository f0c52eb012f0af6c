// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/nn/backbone.h"
#include "tests/parity.h"
#include "tests/thread_communicator.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();
const Draws kDraws = Draws(7).at(0, 3);

std::unique_ptr<Backbone> make_unet(const std::string& options, int64_t classes,
                                    at::ScalarType dtype = at::kFloat,
                                    const std::string& net = "student") {
  const NetworkShape shape{
      .channels = 1, .classes = classes, .patch_size = {32, 48}, .dtype = dtype};
  return BackboneRegistry::instance().find("unet").make(parse_config(options), shape, Draws(1),
                                                        net);
}

const char* const kNoDropout = "dropout = [0, 0, 0, 0, 0]";

std::unique_ptr<Backbone> make_reference_net(const ParityCase& c, at::ScalarType dtype) {
  auto net = make_unet(kNoDropout, c.options["classes"], dtype);
  const std::string seed = c.options["seed"];
  fill_parameters(net->parameters(), seed, "student");
  fill_parameters(net->buffers(), seed, "student");
  return net;
}

at::Tensor buffer(const Backbone& net, const std::string& name) {
  for (const auto& item : net.buffers()) {
    if (item.name == name) return item.value;
  }
  return {};
}

TEST(UNet, EvaluatesAsTheReference) {
  const ParityCase c = load_case("backbone/unet-i1-c4-b4-32x48-eval.safetensors");
  const auto net = make_reference_net(c, at::kFloat);
  const NetworkOutput out = net->forward(c.tensor("in.image"), Pass{});
  EXPECT_TRUE(compare(c, "out.logits", out.logits));
  EXPECT_TRUE(compare(c, "out.features", out.features));
}

TEST(UNet, TrainsAsTheReference) {
  const ParityCase c = load_case("backbone/unet-i1-c4-b4-32x48-train.safetensors");
  const auto net = make_reference_net(c, at::kDouble);
  const at::Tensor image = c.tensor("in.image").to(at::kDouble).set_requires_grad(true);
  const NetworkOutput out =
      net->forward(image, {NetworkMode::kTrain, kSerial.get(), &kDraws, "p", {0, 1, 2, 3}});
  out.logits.backward(c.tensor("in.cotangent.logits").to(at::kDouble));
  EXPECT_TRUE(compare(c, "out.logits", out.logits));
  EXPECT_TRUE(compare(c, "out.features", out.features));
  EXPECT_TRUE(compare(c, "grad.image", image.grad()));
  EXPECT_TRUE(
      compare(c, "out.running_mean", buffer(*net, "encoder.in_conv.conv_conv.1.running_mean")));
  EXPECT_TRUE(
      compare(c, "out.running_var", buffer(*net, "encoder.in_conv.conv_conv.1.running_var")));
  std::vector<std::string> names;
  std::vector<at::Tensor> norms;
  for (const auto& parameter : net->parameters()) {
    names.push_back(parameter.name);
    norms.push_back(parameter.value.grad().norm());
  }
  EXPECT_EQ(names, c.options["parameters"].get<std::vector<std::string>>());
  EXPECT_TRUE(compare(c, "out.grad_norm", at::stack(norms)));
}

// backbones.md §1; fixtures/parameter_counts.toml.
TEST(UNet, HasTheReferencesNumberOfParameters) {
  EXPECT_EQ(make_unet("", 2)->parameter_count(), 1'813'474);
  EXPECT_EQ(make_unet("", 4)->parameter_count(), 1'813'764);
  EXPECT_EQ(make_unet("", 14)->parameter_count(), 1'815'214);
  EXPECT_EQ(make_unet("bilinear = false", 4)->parameter_count(), 1'180'464 + 763'860);
  EXPECT_EQ(make_unet("head = \"conv1x1\"", 4)->parameter_count(), 1'813'764 - 4 * 16 * 8);
}

TEST(UNet, LogitsAreItsClassifierOfItsFeatures) {
  for (const char* options : {"head = \"conv3x3\"", "head = \"conv1x1\"", "bilinear = false"}) {
    const auto net = make_unet(options, 3);
    const NetworkOutput out =
        net->forward(generate("x", {2, 1, 16, 32}, -1, 1, at::kFloat), Pass{});
    const Classifier classifier = net->classifier();
    const int64_t padding = classifier.weight.size(-1) / 2;
    EXPECT_EQ(out.features.sizes(), (at::IntArrayRef{2, 16, 16, 32}));
    EXPECT_TRUE(
        at::allclose(at::conv2d(out.features, classifier.weight, classifier.bias, 1, padding),
                     out.logits, 1e-5, 1e-6));
  }
}

TEST(UNet, RefusesSidesThatFourPoolingsDoNotDivide) {
  try {
    make_unet("", 2)->forward(at::zeros({1, 1, 32, 40}), Pass{});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig);
    EXPECT_EQ(error.parts().got, "[32, 40]");
    EXPECT_NE(error.parts().expected.find("16"), std::string::npos);
    EXPECT_FALSE(error.parts().fix.empty());
  }
}

TEST(UNet, RefusesAListOfFourFilters) {
  EXPECT_THROW(make_unet("filters = [8, 16, 32, 64]", 2), Error);
}

TEST(UNet, TwoNetsBeginDifferentAndACopyIsEqual) {
  const auto first = make_unet("", 2, at::kFloat, "net1"),
             second = make_unet("", 2, at::kFloat, "net2");
  const auto values = [](Backbone& net) {
    return take_state([&](StateVisitor& v) { net.state(v); });
  };
  const std::string name = "decoder.out_conv.weight";
  EXPECT_FALSE(at::equal(std::get<at::Tensor>(values(*first)[name]),
                         std::get<at::Tensor>(values(*second)[name])));
  first->buffers()[0].value.fill_(3);
  second->copy_from(*first);
  const StateMap a = values(*first), b = values(*second);
  EXPECT_EQ(a.size(), first->parameters().size() + first->buffers().size());
  for (const auto& [key, value] : a)
    EXPECT_TRUE(at::equal(std::get<at::Tensor>(value), std::get<at::Tensor>(b.at(key))));
}

TEST(UNet, RepeatsItsDropoutBitForBit) {
  const auto net = make_unet("", 2);
  const at::Tensor image = generate("x", {2, 1, 32, 32}, -1, 1, at::kFloat);
  const Pass pass{NetworkMode::kTrain, kSerial.get(), &kDraws, "student", {0, 1}};
  const at::Tensor first = net->forward(image, pass).logits;
  EXPECT_TRUE(at::equal(net->forward(image, pass).logits, first));
  Pass other = pass;
  other.name = "teacher";
  EXPECT_FALSE(at::equal(net->forward(image, other).logits, first));
}

// Shares of 1 and 3 samples; dropout on: it belongs to the sample, not to the rank.
TEST(UNet, TwoRanksTogetherAreOneInFloat64) {
  const at::Tensor image = generate("x", {4, 1, 32, 32}, -1, 1, at::kDouble);
  const at::Tensor cotangent = generate("g", {4, 2, 32, 32}, -1, 1, at::kDouble);
  const auto run = [&](int64_t first, int64_t end, const Communicator& comm) {
    auto net = make_unet("filters = [2, 3, 4, 5, 6]", 2, at::kDouble);
    SampleIds samples;
    for (int64_t i = first; i < end; ++i) samples.push_back(i);
    const Pass pass{NetworkMode::kTrain, &comm, &kDraws, "student", samples};
    net->forward(image.slice(0, first, end), pass).logits.backward(cotangent.slice(0, first, end));
    return net;
  };
  const auto whole = run(0, 4, *kSerial);
  std::unique_ptr<Backbone> parts[2];
  run_ranks(2, [&](const Communicator& comm) {
    parts[comm.rank()] = comm.rank() == 0 ? run(0, 1, comm) : run(1, 4, comm);
  });
  for (size_t i = 0; i < whole->parameters().size(); ++i) {
    const at::Tensor sum =
        parts[0]->parameters()[i].value.grad() + parts[1]->parameters()[i].value.grad();
    EXPECT_TRUE(at::allclose(sum, whole->parameters()[i].value.grad(), 1e-9, 1e-10))
        << whole->parameters()[i].name;
  }
  for (size_t i = 0; i < whole->buffers().size(); ++i) {
    EXPECT_TRUE(at::allclose(parts[1]->buffers()[i].value.to(at::kDouble),
                             whole->buffers()[i].value.to(at::kDouble), 1e-12, 1e-12));
  }
}

}  // namespace
}  // namespace semiseg
