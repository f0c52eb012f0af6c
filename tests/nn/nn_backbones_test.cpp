// SPDX-License-Identifier: Apache-2.0
// Tests what every network must do, and the parameter counts of the references' networks.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "framework/config/option_list.h"
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
  // True when an option of the network is a dropout that is not 0 in all its places.
  bool has_dropout() const {
    if (std::regex_search(GetParam().options, std::regex("dropout = [^\n]*[1-9]"))) return true;
    const NetworkShape shape{.classes = 2, .patch_size = GetParam().size};
    const BackboneEntry& entry = BackboneRegistry::instance().find(GetParam().name);
    const auto read = [&](const Config& config) { entry.read_options(config, shape); };
    for (const OptionRead& option : list_options(read, GetParam().options)) {
      if (option.path.find("dropout") != std::string::npos &&
          std::regex_search(option.default_value, std::regex("[1-9]")))
        return true;
    }
    return false;
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
  EXPECT_EQ(at::equal(net->forward(image, other).logits, first), !has_dropout());
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
    if (!whole->parameters()[i].value.grad().defined()) continue;  // of an auxiliary head
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
    if (!parameter.value.grad().defined()) continue;  // of an auxiliary head
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
        Small{"vnet_none", "vnet", "filters = 2\nnorm = \"none\"", {16, 16, 16}},
        Small{"unet_cct", "unet_cct", "filters = [2, 3, 4, 5, 6]", {32, 32}},
        Small{"unet_urpc", "unet_urpc", "filters = [2, 3, 4, 5, 6]", {32, 32}},
        Small{"unet_ds", "unet_ds", "filters = [2, 3, 4, 5, 6]", {32, 32}},
        Small{"unet_corr", "unet_corr", "filters = [2, 3, 4, 5, 6]", {32, 32}},
        Small{"unet_ssnet", "unet_ssnet", "filters = [2, 3, 4, 5, 6]", {32, 32}},
        Small{"unet_midss", "unet_midss", "filters = 2", {33, 47}},
        Small{"resunet_2d", "resunet_2d", "filters = 2", {32, 32}},
        Small{"mcnet_2d_v3", "mcnet_2d_v3", "filters = [2, 3, 4, 5, 6]", {32, 32}},
        Small{"enet", "enet", "filters = 4", {33, 46}},
        Small{"pnet", "pnet", "filters = 2", {20, 24}},
        Small{"swin_unet", "swin_unet", "filters = 24\nwindow = 2", {64, 128}},
        Small{"nnunet_2d",
              "nnunet",
              "features = [2, 4]\nkernel_sizes = [3, 3, 3, 3]\nstrides = [1, 1, 2, 2]\n"
              "convolutions_per_stage = [2, 2]\nconvolutions_per_stage_decoder = [2]\n"
              "deep_supervision = true",
              {16, 16}},
        Small{"resenc_unet",
              "resenc_unet",
              "features = [2, 4]\nkernel_sizes = [1, 3, 3, 3, 3, 3]\n"
              "strides = [1, 1, 1, 1, 2, 2]\nblocks_per_stage = [1, 2]\n"
              "convolutions_per_stage_decoder = [1]",
              {8, 16, 16}},
        Small{"nnunet_v1", "nnunet_v1", "filters = 2", {8, 64, 64}},
        Small{"unet_3d", "unet_3d", "filters = 2", {16, 32, 32}},
        Small{"unet_3d_dv",
              "unet_3d_dv",
              "filters = 4\ndropout = [0.5, 0.5, 0.5, 0.5]",
              {16, 32, 32}},
        Small{"attention_unet_3d", "attention_unet_3d", "filters = 4", {16, 32, 32}},
        Small{"voxresnet", "voxresnet", "filters = 2", {16, 16, 24}},
        Small{"mcnet_3d_v2", "mcnet_3d_v2", "filters = 2", {16, 32, 32}},
        Small{"vnet_sdf", "vnet_sdf", "filters = 2", {16, 32, 32}},
        Small{"vnet_mct", "vnet_mct", "filters = 2", {16, 32, 32}},
        Small{"vnet_magic", "vnet_magic", "filters = 2\ncube = 32", {32, 32, 32}},
        Small{"vnet_ssnet", "vnet_ssnet", "filters = 2", {16, 32, 32}},
        Small{"resnet34_vnet", "resnet34_vnet", "filters = 2", {16, 32, 32}},
        Small{"resvnet", "resvnet", "filters = 2", {16, 32, 32}},
        Small{"vnet_skcdf", "vnet_skcdf", "filters = 2", {32, 32, 32}}),
    [](const auto& info) { return std::string(info.param.title); });

// An entry of parameter_counts.toml: the reference's network and the options that make it.
struct Count {
  std::string name, options;  // as the file has them
  int64_t parameters;
  friend void PrintTo(const Count& count, std::ostream* out) { *out << count.options; }
};

// The networks of the file that are made of another library's encoder are not here.
std::vector<Count> counts() {
  std::ostringstream text;
  text << std::ifstream(recorded_cases() / "parameter_counts.toml").rdbuf();
  const std::string all = text.str();
  const std::regex entry("name = \"(\\w+)\"\noptions = \\{(.*)\\}\nparameters = (\\d+)");
  std::vector<Count> found;
  for (std::sregex_iterator i(all.begin(), all.end(), entry), end; i != end; ++i) {
    const Count count{(*i)[1], (*i)[2], std::stoll((*i)[3])};
    // Not there; and ours has one channel a head for two classes, too.
    const bool is_two_headed = count.name == "vnet_sdf" && count.options.starts_with("classes = 2");
    if (count.name != "efficient_unet" && !is_two_headed) found.push_back(count);
  }
  return found;
}

std::string registered_name(const std::string& name) {
  if (name == "ssnet_unet") return "unet_ssnet";
  if (name == "ssnet_vnet") return "vnet_ssnet";
  return name == "magicnet" ? "vnet_magic" : name;
}

int64_t integer(const std::string& options, const std::string& key) {
  std::smatch found;
  EXPECT_TRUE(std::regex_search(options, found, std::regex(key + " = (\\d+)"))) << options;
  return std::stoll(found[1]);
}

std::vector<int64_t> integers(const std::string& text) {
  const std::regex number("\\d+");
  std::vector<int64_t> all;
  for (std::sregex_iterator i(text.begin(), text.end(), number), end; i != end; ++i)
    all.push_back(std::stoll(i->str()));
  return all;
}

std::string value_of(const std::string& options, const std::string& key) {
  std::smatch found;
  const std::regex list(key + " = (\\[[^=]*\\])(, \\w+ =|$)");
  return std::regex_search(options, found, list) ? found[1].str() : std::string();
}

// The patch of an entry: given, or what its cubes or pool fill.
std::vector<int64_t> patch_of(const Count& count) {
  if (count.name == "magicnet") return std::vector<int64_t>(3, integer(count.options, "patch"));
  if (count.name == "discriminator_2d") return {256, 256};
  std::vector<int64_t> patch = integers(value_of(count.options, "input_size"));
  for (const int64_t side : integers(value_of(count.options, "pool"))) patch.push_back(16 * side);
  return patch;
}

// The entry's own options of the network, a list of lists as one list.
std::string network_options(const Count& count) {
  std::string lines;
  for (const char* key : {"norm", "filters", "cube", "heads", "deep_supervision"}) {
    std::smatch found;
    if (std::regex_search(count.options, found, std::regex(std::string(key) + " = [^,]+")))
      lines += found.str() + "\n";
  }
  for (const char* key : {"features", "kernel_sizes", "strides", "convolutions_per_stage",
                          "convolutions_per_stage_decoder", "blocks_per_stage", "pool"}) {
    std::string list;
    for (const int64_t number : integers(value_of(count.options, std::string("\\b") + key)))
      list += (list.empty() ? "" : ", ") + std::to_string(number);
    if (!list.empty()) lines += std::string(key) + " = [" + list + "]\n";
  }
  return lines;
}

class ParameterCounts : public testing::TestWithParam<Count> {};

TEST_P(ParameterCounts, AreTheReferences) {
  const Count& count = GetParam();
  NetworkShape shape{.channels = integer(count.options, "in_channels"),
                     .classes = integer(count.options, "classes"),
                     .patch_size = patch_of(count)};
  if (count.name.starts_with("discriminator")) {
    shape.channels += shape.classes;
    shape.classes = 2;
  }
  const auto network = make_backbone(registered_name(count.name), network_options(count), shape);
  EXPECT_EQ(network->parameter_count(), count.parameters);
}

INSTANTIATE_TEST_SUITE_P(References, ParameterCounts, testing::ValuesIn(counts()),
                         [](const auto& info) {
                           return info.param.name + "_" + std::to_string(info.index);
                         });

}  // namespace
}  // namespace semiseg
