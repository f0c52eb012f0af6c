// SPDX-License-Identifier: Apache-2.0
// Safetensors files, and how parity cases are read and compared.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/files/safetensors.h"
#include "launch/parity/case_options.h"
#include "launch/parity/comparison.h"
#include "launch/parity/run_case.h"
#include "tests/support/recorded_cases.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

fs::path scratch(const std::string& name) {
  const fs::path folder = fs::path(testing::TempDir()) / "semiseg_parity_test";
  fs::create_directories(folder);
  return folder / name;
}

// A file of this header and this many bytes of data.
fs::path file_of(const std::string& header, size_t data) {
  const uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  const fs::path path = scratch("crafted.safetensors");
  write_file(path, bytes + header + std::string(data, '\1'));
  return path;
}

std::string data_error(const fs::path& path) {
  try {
    read_safetensors(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_NE(error.parts().where.find(path.filename().string()), std::string::npos)
        << error.what();
    return error.what();
  }
  return "";
}

TEST(Safetensors, EveryTypeComesBackBitForBit) {
  Safetensors written{.metadata = {{"format", "pt"}, {"note", "ü \"quoted\""}}};
  const at::Tensor values = at::arange(6, at::kDouble).reshape({2, 3}) - 2.5;
  for (const auto dtype : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt,
                           at::kShort, at::kChar, at::kByte, at::kBool}) {
    written.tensors[at::toString(dtype)] = values.abs().to(dtype);
  }
  written.tensors["scalar"] = at::scalar_tensor(7, at::kDouble);
  written.tensors["empty"] = at::empty({0, 3}, at::kFloat);
  written.tensors["strided"] = values.t();
  write_safetensors(scratch("types.safetensors"), written);
  const Safetensors read = read_safetensors(scratch("types.safetensors"));
  EXPECT_EQ(read.metadata, written.metadata);
  ASSERT_EQ(read.tensors.size(), written.tensors.size());
  for (const auto& [name, value] : written.tensors) {
    EXPECT_EQ(read.tensors.at(name).scalar_type(), value.scalar_type()) << name;
    EXPECT_TRUE(at::equal(read.tensors.at(name), value)) << name;
  }
}

TEST(Safetensors, ACutFileIsAnErrorAtEveryLength) {
  const fs::path path = scratch("cut.safetensors");
  write_safetensors(path, {.tensors = {{"a", at::ones({3})}, {"b", at::ones({2}, at::kByte)}}});
  for (uintmax_t length = fs::file_size(path); length-- > 0;) {
    fs::resize_file(path, length);
    EXPECT_NE(data_error(path), "") << length << " bytes left";
  }
}

TEST(Safetensors, MalformedHeadersAreNamed) {
  const std::string a = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  EXPECT_NE(data_error(file_of("{nonsense", 0)).find("not JSON"), std::string::npos);
  EXPECT_NE(data_error(file_of("[1]", 0)).find("not a JSON object"), std::string::npos);
  EXPECT_NE(data_error(file_of(R"({"a":{"dtype":"F32"}})", 0)).find("tensor 'a'"),
            std::string::npos);
  EXPECT_NE(
      data_error(file_of(R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,4]}})", 4)).find("F4"),
      std::string::npos);
  EXPECT_NE(data_error(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,7]}})", 7))
                .find("fit"),
            std::string::npos);
  EXPECT_NE(data_error(file_of(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1))
                .find("no tensor has"),
            std::string::npos);
  EXPECT_NE(
      data_error(
          file_of(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
                  0))
          .find("no tensor has"),
      std::string::npos);
  EXPECT_NE(data_error(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1))
                .find("outside"),
            std::string::npos);
  EXPECT_NE(data_error(file_of(a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})", 8))
                .find("overlap"),
            std::string::npos);
  EXPECT_NE(data_error(file_of(a + "}", 9)).find("no tensor"), std::string::npos);
  EXPECT_NE(data_error(file_of(R"({"__metadata__":{"n":1}})", 0)).find("metadata"),
            std::string::npos);
}

TEST(Safetensors, AHeaderLongerThanTheFileIsAnError) {
  const fs::path path = scratch("long.safetensors");
  write_file(path, std::string(7, '\xff') + '\x7f' + "{}");
  EXPECT_NE(data_error(path).find("truncated"), std::string::npos);
}

TEST(Safetensors, AnUnwritableTypeIsAnIoError) {
  try {
    write_safetensors(scratch("complex.safetensors"),
                      {.tensors = {{"z", at::ones({1}, at::kComplexFloat)}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
  }
}

TEST(Parity, GeneratedNumbersMatchTheTestVector) {
  const auto vector = nlohmann::json::parse(read_file(recorded_cases() / "test_vector.json"));
  const auto values = vector.at("values").get<std::vector<double>>();
  const at::Tensor made =
      generate("semiseg", {static_cast<int64_t>(values.size())}, 0, 1, at::kFloat);
  EXPECT_TRUE(at::equal(made, at::tensor(values, at::kDouble).to(at::kFloat)));
  EXPECT_TRUE(
      at::equal(generate("semiseg", {3}, 0, 4, at::kByte), at::tensor({2, 0, 0}, at::kByte)));
}

TEST(Parity, WeightsFollowTheRangesOfTheRule) {
  const std::vector<NamedTensor> tensors = {{"conv.weight", at::empty({4, 3, 5, 5})},
                                            {"norm.weight", at::empty({50})},
                                            {"norm.bias", at::empty({50})},
                                            {"norm.running_mean", at::empty({50}, at::kDouble)},
                                            {"norm.running_var", at::empty({50})},
                                            {"norm.num_batches_tracked", at::ones({}, at::kLong)}};
  fill_parameters(tensors, "case", "student");
  const double bound = std::sqrt(3.0 / 75);
  const double low[] = {-bound, 0.8, -0.1, -0.1, 0.8, 0}, high[] = {bound, 1.2, 0.1, 0.1, 1.2, 0};
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_GE(tensors[i].value.min().item<double>(), low[i]) << tensors[i].name;
    EXPECT_LE(tensors[i].value.max().item<double>(), high[i]) << tensors[i].name;
  }
  EXPECT_TRUE(
      at::equal(tensors[2].value, generate("case/student/norm.bias", {50}, -0.1, 0.1, at::kFloat)));
  EXPECT_THROW(fill_parameters({{"norm.gamma", at::empty({3})}}, "case", "student"), Error);
}

ParityCase made_case() {
  ParityCase parity;
  parity.metadata = nlohmann::json::parse(
      R"({"generated": {}, "digest": {"big": [2, 2]},
          "tolerance": {"default": {"rtol": 0, "atol": 0}, "x": {"rtol": 0.1, "atol": 0.5},
                        "y": {"rtol": 0, "atol": 0.5}},
          "tolerance_float64": {"default": {"rtol": 0, "atol": 0}}})");
  parity.stored = {{"x", at::tensor({10.0, NAN, INFINITY})},
                   {"y", at::tensor({1.0, 2.0, 3.0}, at::kDouble)},
                   {"big.index", at::tensor({3}, at::kLong)},
                   {"big.at", at::tensor({4.0}, at::kDouble)},
                   {"big.sum", at::tensor({10.0}, at::kDouble)},
                   {"big.l2", at::tensor({30.0}, at::kDouble).sqrt()}};
  return parity;
}

bool agrees(const ParityCase& parity, const std::string& name, const at::Tensor& got,
            Arithmetic arithmetic = Arithmetic::kFloat32) {
  Comparison comparison(parity, arithmetic);
  comparison.compare(name, got);
  return comparison.passes();
}

TEST(Comparison, AppliesRelativePlusAbsoluteTolerance) {
  const ParityCase parity = made_case();
  EXPECT_TRUE(agrees(parity, "x", at::tensor({11.4, NAN, INFINITY})));
  EXPECT_FALSE(agrees(parity, "x", at::tensor({11.4, NAN, INFINITY}), Arithmetic::kFloat64));
}

TEST(Comparison, NamesTheLargestDeviationOfAllTensors) {
  const ParityCase parity = made_case();
  Comparison comparison(parity);
  comparison.compare("y", at::tensor({1.0, 2.5, 3.0}, at::kDouble));
  comparison.compare("x", at::tensor({16.0, NAN, INFINITY}, at::kDouble));
  comparison.compare("y", at::tensor({1.0, 2.0, 4.0}, at::kDouble));
  ASSERT_TRUE(comparison.worst());
  EXPECT_EQ(comparison.worst()->tensor, "x");
  EXPECT_EQ(comparison.worst()->index, 0);
  EXPECT_EQ(comparison.worst()->expected, 10);
  EXPECT_EQ(comparison.worst()->got, 16);
  EXPECT_DOUBLE_EQ(comparison.worst()->ratio(), 4);
  EXPECT_EQ(comparison.worst()->bad, 1);
  EXPECT_EQ(comparison.bad_tensors(), 2);
}

TEST(Comparison, WantsNonFiniteValuesAtTheSamePlaces) {
  const ParityCase parity = made_case();
  EXPECT_FALSE(agrees(parity, "x", at::tensor({10.0, 0.0, INFINITY})));
  EXPECT_FALSE(agrees(parity, "x", at::tensor({10.0, NAN, -INFINITY})));
  EXPECT_FALSE(agrees(parity, "x", at::tensor({NAN, NAN, INFINITY})));
}

TEST(Comparison, ReadsDigests) {
  const ParityCase parity = made_case();
  const auto square = [](std::initializer_list<int> values) {
    return at::tensor(values).reshape({2, 2});
  };
  EXPECT_TRUE(agrees(parity, "big", square({1, 2, 3, 4})));
  EXPECT_FALSE(agrees(parity, "big", square({2, 2, 2, 4})));      // sum right, l2 wrong
  EXPECT_FALSE(agrees(parity, "big", square({1, 2, 4, 3})));      // both right, point wrong
  EXPECT_FALSE(agrees(parity, "big", at::tensor({1, 2, 3, 4})));  // shape
  EXPECT_FALSE(agrees(parity, "big", at::Tensor()));
}

TEST(Comparison, KnowsWhatIsMissing) {
  ParityCase parity = made_case();
  parity.stored = {{"out.loss", at::ones({1})},    {"grad.x", at::ones({1})},
                   {"out.map.at", at::ones({1})},  {"out.map.index", at::ones({1}, at::kLong)},
                   {"out.map.sum", at::ones({1})}, {"out.map.l2", at::ones({1})},
                   {"in.logits", at::ones({1})}};
  Comparison comparison(parity);
  EXPECT_EQ(comparison.missing(), (std::vector<std::string>{"grad.x", "out.loss", "out.map"}));
  comparison.compare("out.loss", 1);
  EXPECT_EQ(comparison.missing(), (std::vector<std::string>{"grad.x", "out.map"}));
  EXPECT_EQ(comparison.compared(), 1);
}

TEST(Comparison, ByTheLargestElementIsASharedTolerance) {
  const ParityCase parity = made_case();
  for (const auto& [error, passes] : {std::pair{0.29, true}, {0.31, false}}) {
    Comparison comparison(parity);
    comparison.compare_by_largest("y", at::tensor({1.0, 2.0 + error, 3.0}, at::kDouble), 0.1);
    EXPECT_EQ(comparison.passes(), passes) << error;
  }
}

TEST(Parity, AMissingTensorAndAFileThatIsNoCaseAreErrors) {
  EXPECT_THROW(made_case().tensor("in.image"), Error);
  write_safetensors(scratch("no_case.safetensors"), {.tensors = {{"a", at::ones({1})}}});
  EXPECT_THROW(load_case(scratch("no_case.safetensors")), Error);
}

TEST(CaseOptions, AreTomlAndDropoutIsWhatTheCaseSaysForEveryNetwork) {
  const auto options = nlohmann::json::parse(
      R"({"a": [1, 2.5e-05], "b": "x", "c": true, "d": null, "e": {"k": [[1]]}, "seed": 1})");
  EXPECT_EQ(toml_lines(options, {"seed"}),
            "a = [1, 2.5e-05]\nb = \"x\"\nc = true\ne = {k = [[1]]}\n");
  const auto& registry = BackboneRegistry::instance();
  EXPECT_EQ(with_dropout(registry.find("unet"), "", {.patch_size = {32, 32}}, 0),
            "dropout = [0, 0, 0, 0, 0]\n");
  EXPECT_EQ(
      with_dropout(registry.find("vnet"), "filters = 2\n", {.patch_size = {16, 16, 16}}, 0.25),
      "filters = 2\ndropout = 0.25\n");
  EXPECT_EQ(unread_options(parse_config("depth = 2")), "nothing reads 'depth'");
}

// Rows: found exactly, missed, absent from both.
TEST(ReferenceConvention, OfGenericSslIsInPercentButForNothingAtAll) {
  ParityCase parity{.kind = "metric", .name = "reference_convention"};
  parity.options =
      nlohmann::json{{"convention", "generic_ssl"}, {"order", {"dice", "asd"}}, {"classes", 4}};
  parity.metadata = {{"generated", nlohmann::json::object()},
                     {"tolerance", {{"default", {{"rtol", 1e-9}, {"atol", 1e-9}}}}}};
  const at::Tensor truth = at::zeros({4, 4, 4}, at::kByte);
  truth[1] = 1;
  truth[3] = 2;
  parity.stored = {
      {"in.truth", truth},
      {"in.prediction", at::where(truth == 2, 0, truth).to(at::kByte)},
      {"out.values", at::tensor({100.0, 0.0, 0.0, 128.0, 1.0, 0.0}, at::kDouble).view({3, 2})}};
  const ParityResult result = run_case(parity);
  EXPECT_EQ(result.verdict, Verdict::kPassed) << result.detail;
}

TEST(CaseOptions, OfAMethodReachTheNetworkThatReadsThem) {
  ParityCase parity{.kind = "method", .name = "mean_teacher"};
  parity.metadata = {{"generated", nlohmann::json::object()}};
  parity.options = nlohmann::json::parse(
      R"({"backbone": "vnet", "nets": {"student": "vnet"}, "classes": 2, "batch": 4, "labelled": 2,
          "size": [16, 16, 16], "base_lr": 0.01, "lr_schedule": "constant", "max_iterations": 100,
          "norm": "instance", "n_filters": 8, "ema_decay": 0.9})");
  const MethodSetup setup = setup_of(parity);
  EXPECT_EQ(setup.backbone, "name = \"vnet\"\nfilters = 8\nnorm = \"instance\"\ndropout = 0\n");
  EXPECT_EQ(setup.options, "ema_decay = 0.9\n");
}

}  // namespace
}  // namespace semiseg
