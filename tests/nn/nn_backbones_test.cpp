// SPDX-License-Identifier: Apache-2.0
// Tests what every network must do, and the parameter counts of the references' networks.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "launch/conformance/thread_communicator.h"
#include "tests/nn/nn_backbone_case.h"
#include "tests/support/recorded_cases.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();
const Draws kDraws = Draws(7).at(0, 3);

struct Small {
  const char *title, *name, *options;
  std::vector<int64_t> size;
};

class EveryNetwork : public testing::TestWithParam<Small> {
 protected:
  std::unique_ptr<Backbone> make(const std::string& net = "student",
                                 at::ScalarType dtype = at::kFloat) const {
    const NetworkShape shape{.classes = 2, .patch_size = GetParam().size, .dtype = dtype};
    return make_backbone(GetParam().name, GetParam().options, shape, net);
  }
  at::Tensor tensor(const char* key, int64_t samples, int64_t channels,
                    at::ScalarType dtype = at::kFloat) const {
    std::vector<int64_t> shape = {samples, channels};
    shape.insert(shape.end(), GetParam().size.begin(), GetParam().size.end());
    return generate(key, shape, -1, 1, dtype);
  }
};

TEST_P(EveryNetwork, BeginsByItsNameAndACopyIsEqual) {
  const auto first = make("net1"), second = make("net2");
  const auto values = [](Backbone& net) {
    return take_state([&](StateVisitor& v) { net.state(v); });
  };
  const std::string name = first->parameters()[0].name;
  EXPECT_FALSE(at::equal(std::get<at::Tensor>(values(*first)[name]),
                         std::get<at::Tensor>(values(*second)[name])));
  for (const auto& buffer : first->buffers()) buffer.value.fill_(3);
  second->copy_from(*first);
  const StateMap a = values(*first), b = values(*second);
  EXPECT_EQ(a.size(), first->parameters().size() + first->buffers().size());
  for (const auto& [key, value] : a) {
    EXPECT_TRUE(at::equal(std::get<at::Tensor>(value), std::get<at::Tensor>(b.at(key))));
  }
}

TEST_P(EveryNetwork, RepeatsItsDropoutBitForBit) {
  const auto net = make();
  const at::Tensor image = tensor("x", 2, 1);
  const Pass pass{NetworkMode::kTrain, kSerial.get(), &kDraws, "student", {0, 1}};
  const at::Tensor first = net->forward(image, pass).logits;
  EXPECT_TRUE(at::equal(net->forward(image, pass).logits, first));
  Pass other = pass;
  other.name = "teacher";
  EXPECT_FALSE(at::equal(net->forward(image, other).logits, first));
}

// Shares of 1 and 3 samples; dropout on: it belongs to the sample, not to the rank.
TEST_P(EveryNetwork, TwoRanksTogetherAreOneInFloat64) {
  const at::Tensor image = tensor("x", 4, 1, at::kDouble),
                   cotangent = tensor("g", 4, 2, at::kDouble);
  const auto run = [&](int64_t first, int64_t end, const Communicator& comm) {
    auto net = make("student", at::kDouble);
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
    if (!whole->parameters()[i].value.grad().defined()) continue;  // of another head
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

// Statistics and gradients stay float32. How near gradients are is a question of each layer: norms
// over the four voxels of the coarsest level multiply every rounding.
TEST_P(EveryNetwork, Bfloat16IsFloat32ToItsRounding) {
  const auto net = make();
  const at::Tensor image = tensor("x", 4, 1);
  const auto expect_close = [&](const Pass& pass, double bound) {
    const at::Tensor full = net->forward(image, pass).logits,
                     half = net->forward(image.to(at::kBFloat16), pass).logits;
    EXPECT_EQ(half.scalar_type(), at::kBFloat16);
    EXPECT_LT(((half - full).norm() / full.norm()).item<double>(), bound);
    return half;
  };
  const at::Tensor half =
      expect_close({NetworkMode::kTrain, kSerial.get(), &kDraws, "student", {0, 1, 2, 3}}, 0.3);
  half.sum().backward();
  for (const auto& parameter : net->parameters()) {
    if (!parameter.value.grad().defined()) continue;
    EXPECT_EQ(parameter.value.grad().scalar_type(), at::kFloat);
    EXPECT_TRUE(at::isfinite(parameter.value.grad()).all().item<bool>()) << parameter.name;
  }
  for (const auto& buffer : net->buffers()) EXPECT_NE(buffer.value.scalar_type(), at::kBFloat16);
  expect_close({.mode = NetworkMode::kEval}, 0.2);
}

INSTANTIATE_TEST_SUITE_P(
    Small, EveryNetwork,
    testing::Values(
        Small{"diff_vnet", "diff_vnet", "filters = 2", {64, 64}},
        Small{"tac_vnet", "tac_vnet", "filters = 2", {16, 32, 16}},
        Small{"tac_vnet_2d", "tac_vnet", "filters = 2", {32, 32}},
        Small{"unet", "unet", "filters = [2, 3, 4, 5, 6]", {32, 32}},
        Small{"versemi_vnet", "versemi_vnet", "filters = 2\ndropout = 0.5", {16, 32, 32}},
        Small{"vnet_batch", "vnet", "filters = 2", {16, 32, 32}},
        Small{"vnet_group", "vnet", "filters = 2\nnorm = \"group\"\nnorm_groups = 2", {16, 16, 32}},
        Small{"vnet_instance", "vnet", "filters = 2\nnorm = \"instance\"", {16, 16, 32}},
        Small{"vnet_none", "vnet", "filters = 2\nnorm = \"none\"", {16, 16, 16}}),
    [](const auto& info) { return std::string(info.param.title); });

struct Count {
  std::string name, options;  // as the file has them
  int64_t parameters;
};

// Entries of parameter_counts.toml for a network.
std::vector<Count> counts_of(const std::string& network) {
  std::ostringstream text;
  text << std::ifstream(recorded_cases() / "parameter_counts.toml").rdbuf();
  const std::string all = text.str();
  const std::regex entry("name = \"(\\w+)\"\\noptions = \\{(.*)\\}\\nparameters = (\\d+)");
  std::vector<Count> counts;
  for (std::sregex_iterator i(all.begin(), all.end(), entry), end; i != end; ++i) {
    if ((*i)[1] == network) counts.push_back({(*i)[1], (*i)[2], std::stoll((*i)[3])});
  }
  return counts;
}

int64_t integer(const std::string& options, const std::string& key) {
  std::smatch found;
  EXPECT_TRUE(std::regex_search(options, found, std::regex(key + " = (\\d+)"))) << options;
  return std::stoll(found[1]);
}

TEST(ParameterCounts, OfTheUNetAreTheReferences) {
  const auto counts = counts_of("unet");
  EXPECT_EQ(counts.size(), 4u);
  for (const auto& [name, options, parameters] : counts) {
    const NetworkShape shape{.channels = integer(options, "in_channels"),
                             .classes = integer(options, "classes")};
    EXPECT_EQ(make_backbone("unet", "", shape)->parameter_count(), parameters) << options;
  }
}

TEST(ParameterCounts, OfTheVNetAreTheReferences) {
  const auto counts = counts_of("vnet");
  EXPECT_EQ(counts.size(), 17u);
  for (const auto& [name, options, parameters] : counts) {
    std::smatch norm;
    ASSERT_TRUE(std::regex_search(options, norm, std::regex("norm = \"\\w+\"")));
    const NetworkShape shape{.channels = integer(options, "in_channels"),
                             .classes = integer(options, "classes")};
    const std::string own =
        norm.str() + "\nfilters = " + std::to_string(integer(options, "filters"));
    EXPECT_EQ(make_backbone("vnet", own, shape)->parameter_count(), parameters) << options;
  }
}

}  // namespace
}  // namespace semiseg
