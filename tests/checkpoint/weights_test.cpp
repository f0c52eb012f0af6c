// SPDX-License-Identifier: Apache-2.0
// Weights of other programs: both formats of torch.save and safetensors, read as data.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/checkpoint/weight_file.h"
#include "framework/core/files.h"
#include "framework/files/safetensors.h"
#include "framework/files/torch_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/torch_writer.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

const at::Tensor kValues = at::arange(6, at::kDouble).reshape({2, 3}) - 2.5;

// A network wrapped by DataParallel: every type that weights come in.
NamedTensors wrapped_network() {
  return {{"module.a.weight", kValues.to(at::kFloat)},
          {"module.a.bias", kValues.to(at::kHalf).select(0, 1)},  // a part of a larger storage
          {"module.b.weight", kValues.to(at::kBFloat16).t()},     // not contiguous
          {"module.b.wide", kValues},
          {"module.b.empty", at::empty({0, 3}, at::kFloat)},
          {"module.n", at::tensor(7, at::kLong)}};
}

void expect_network(const Weights& weights, const std::string& where) {
  const NamedTensors expected = wrapped_network();
  ASSERT_EQ(weights.size(), expected.size()) << where;
  for (const auto& [name, value] : expected) {
    const at::Tensor& read = weights.at(name.substr(std::string("module.").size()));
    EXPECT_EQ(read.scalar_type(), value.scalar_type()) << where << ' ' << name;
    EXPECT_TRUE(at::equal(read, value)) << where << ' ' << name;
    EXPECT_TRUE(read.is_contiguous()) << where << ' ' << name;
  }
}

TEST(Weights, APlainStateDictIsReadInBothFormatsOfTorch) {
  const TemporaryFolder folder;
  for (const fs::path& path : write_torch_files(folder.path(), [](auto&writer, bool is_legacy) {
         writer.state_dict(wrapped_network(), is_legacy);
       })) {
    expect_network(read_weights(path), path.filename());
  }
}

TEST(Weights, AStateDictIsFoundAmongWhatTrainersSaveBesideIt) {
  const TemporaryFolder folder;
  for (const std::string entry : {"net", "state_dict", "model", "model_state_dict", "other"}) {
    const auto files = write_torch_files(folder.path(), [&](auto& writer, bool is_legacy) {
      writer.raw("}(").text("epoch").integer(3).text("seed").integer(int64_t{1} << 40);
      writer.text("rate").raw("G\x3f\xb9\x99\x99\x99\x99\x99\x9a").text("best").raw("N");
      writer.text(entry).state_dict(wrapped_network(), is_legacy);
      // {"state": {0: {"momentum_buffer": tensor}}, "groups": [{"params": [0]}]}
      writer.text("optimizer").raw("}(").text("state").raw("}").integer(0);
      writer.state_dict({{"momentum_buffer", kValues}}, is_legacy).raw("s");
      writer.text("groups").raw("]}").text("params").raw("]").integer(0).raw("asauu");
    });
    for (const fs::path& path : files) {
      expect_network(read_weights(path), entry);
      expect_network(read_weights(path, entry), entry);
    }
  }
}

TEST(Weights, OneOfSeveralNetworksIsChosenByName) {
  const TemporaryFolder folder;
  for (const fs::path& path : write_torch_files(folder.path(), [](auto&writer, bool is_legacy) {
         writer.raw("}(").text("student").state_dict({{"w", kValues}}, is_legacy);
         writer.text("teacher").state_dict({{"w", -kValues}}, is_legacy).raw("u");
       })) {
    EXPECT_TRUE(at::equal(read_weights(path, "teacher").at("w"), -kValues));
    expect_error(ErrorKind::kData,
                 {"not clear", "'student' (1 tensors), 'teacher' (1 tensors)", "weights_entry",
                  path.filename()},
                 [&] { read_weights(path); });
    expect_error(ErrorKind::kData, {"no entry 'net'", "'teacher'"},
                 [&] { read_weights(path, "net"); });
  }
}

TEST(Weights, AParameterIsItsTensorAndSharedStoragesAreReadOnce) {
  const TemporaryFolder folder;
  for (const fs::path& path : write_torch_files(folder.path(), [](auto&writer, bool is_legacy) {
         writer.raw("}(").text("p").global("torch._utils", "_rebuild_parameter").raw("(");
         writer.tensor("0", kValues, is_legacy).raw("\x88");
         writer.global("collections", "OrderedDict").raw(")RtR");
         writer.text("row").tensor("0", kValues.select(0, 1), is_legacy).raw("u");
         writer.storages = {{"0", kValues.flatten()}};
       })) {
    EXPECT_TRUE(at::equal(read_weights(path).at("p"), kValues));
    EXPECT_TRUE(at::equal(read_weights(path).at("row"), kValues.select(0, 1)));
  }
}

TEST(Weights, SafetensorsLoseTheirWrapperToo) {
  const TemporaryFolder folder;
  Safetensors content;
  for (const auto& [name, value] : wrapped_network()) content.tensors.emplace(name, value);
  write_safetensors(folder / "w.safetensors", content);
  expect_network(read_weights(folder / "w.safetensors"), "safetensors");
}

TEST(Weights, TheSameNumbersHaveOneChecksumInAnyFile) {
  const Weights a = {{"x", kValues}, {"y", kValues.to(at::kFloat)}};
  const Weights strided = {{"x", kValues.t().contiguous().t()}, {"y", a.at("y")}};
  const Weights other = {{"x", kValues}, {"y", kValues.to(at::kFloat) + 1}};
  const Weights renamed = {{"x", kValues}, {"z", a.at("y")}};
  EXPECT_EQ(checksum(a), checksum(strided));
  EXPECT_NE(checksum(a), checksum(other));
  EXPECT_NE(checksum(a), checksum(renamed));
}

TEST(HostileWeights, CodeIsRefusedByItsNameAndNotRun) {
  const TemporaryFolder folder;
  const fs::path trace = folder / "was_run";
  const auto attack = [&](const std::string& module, const std::string& name) {
    return write_torch_files(folder.path(), [&](auto& writer, bool) {
      writer.raw("}").text("net").global(module, name).raw("(");
      writer.text("touch " + trace.string()).raw("tRs");
    });
  };
  for (const auto& [module, name] :
       {std::pair("posix", "system"), std::pair("os", "system"), std::pair("builtins", "eval"),
        std::pair("torch", "load"), std::pair("subprocess", "Popen")}) {
    for (const fs::path& path : attack(module, name)) {
      expect_error(
          ErrorKind::kData,
          {"code or objects", std::string("'") + module + "." + name + "'", path.filename()},
          [&] { read_weights(path); });
    }
  }
  EXPECT_FALSE(fs::exists(trace));
}

TEST(HostileWeights, OtherWaysToAnObjectAreRefused) {
  const TemporaryFolder folder;
  const std::pair<std::string, std::string> streams[] = {
      {"\x8c\x05posix\x8c\x06system\x93)R", "'posix.system'"},        // STACK_GLOBAL
      {"ccollections\nOrderedDict\n)\x81", "opcode 0x81"},            // NEWOBJ
      {"iposix\nsystem\n", "opcode 0x69"},                            // INST
      {"\x82\x01", "opcode 0x82"},                                    // EXT1
      {"X\x01\0\0\0a)R", "no named function"},                        // a text called
      {"ctorch\nFloatStorage\n}b", "attributes of an object"},        // BUILD
      {"ctorch\nFloatStorage\n)R", "a tensor is made in an unknown"}  // a storage called
  };
  for (const auto& [raw, words] : streams) {
    const std::string bytes = raw.substr(0, 1) == "X" ? std::string("X\x01\0\0\0a)R", 8) : raw;
    for (const fs::path& path :
         write_torch_files(folder.path(), [&](auto&writer, bool) { writer.raw(bytes); })) {
      expect_error(ErrorKind::kData, {words, path.filename()}, [&] { read_weights(path); });
    }
  }
}

TEST(HostileWeights, TensorsBeyondTheirStorageAreRefused) {
  const TemporaryFolder folder;
  struct Shape {
    int64_t offset;
    std::vector<int64_t> sizes, strides;
  };
  const int64_t huge = int64_t{1} << 62;
  for (const Shape& shape : {Shape{0, {7}, {1}}, Shape{5, {2}, {1}}, Shape{-1, {2}, {1}},
                             Shape{0, {2, 2}, {1}}, Shape{0, {huge, huge}, {huge, huge}},
                             Shape{0, {1000}, {0}}, Shape{0, {-2}, {1}}, Shape{0, {2}, {-1}}}) {
    const auto fill = [&](auto& writer, bool is_legacy) {
      writer.raw("}").text("w").global("torch._utils", "_rebuild_tensor_v2").raw("((");
      writer.text("storage").global("torch", "DoubleStorage").text("0").text("cpu").integer(6);
      writer.raw(is_legacy ? "NtQ" : "tQ").integer(shape.offset);
      writer.integers(shape.sizes).integers(shape.strides).raw("\x89");
      writer.global("collections", "OrderedDict").raw(")RtRs");
      writer.storages = {{"0", kValues.flatten()}};
    };
    for (const fs::path& path : write_torch_files(folder.path(), fill))
      expect_error(ErrorKind::kData, {path.filename()}, [&] { read_weights(path); });
  }
}

// A value that holds itself, and one that holds the same value 2^40 times.
TEST(HostileWeights, EndlessValuesEnd) {
  const TemporaryFolder folder;
  std::string doubling = "]q\x01";
  for (int i = 0; i < 40; ++i) doubling += "h\x01h\x01\x86q\x01";
  for (const std::string& stream : {std::string("}q\x01K\x01h\x01s"), doubling}) {
    for (const fs::path& path :
         write_torch_files(folder.path(), [&](auto&writer, bool) { writer.raw(stream); })) {
      expect_error(ErrorKind::kData, {"without end"}, [&] { read_weights(path); });
    }
  }
}

TEST(HostileWeights, SharedValuesTakeNeitherMemoryNorTimeWithoutEnd) {
  const TemporaryFolder folder;
  // A tensor that is mentioned many times, each of which would be a copy.
  const auto bomb = [](PickleWriter& writer, bool is_legacy) {
    const at::Tensor value = at::zeros({100});
    writer.raw("}(").text("a").tensor("0", value, is_legacy).raw("q\x01");
    writer.storages = {{"0", value}};
    for (int i = 0; i < 2000; ++i) writer.text(std::to_string(i)).raw("h\x01");
    writer.raw("u");
  };
  for (const auto& path : write_torch_files(folder.path(), bomb))
    expect_error(ErrorKind::kData, {"memory"}, [&] { read_torch_file(path); });
  // Lists of one list each, ten deep, ten wide.
  const auto tree = [](PickleWriter& writer, bool) {
    writer.raw("](NNNNNNNNNNe").raw(std::string("q\x00", 2));
    for (char level = 1; level < 10; ++level) {
      writer.raw("](");
      for (int i = 0; i < 10; ++i)
        writer.raw("h").raw(std::string(1, static_cast<char>(level - 1)));
      writer.raw("e").raw("q").raw(std::string(1, level));
    }
  };
  for (const auto& path : write_torch_files(folder.path(), tree))
    expect_error(ErrorKind::kData, {"without end"}, [&] { read_torch_file(path); });
  const auto name = [](PickleWriter& writer, bool) {
    writer.raw("}(").text(std::string(5000, 'k')).raw("Nu");
  };
  for (const auto& path : write_torch_files(folder.path(), name))
    expect_error(ErrorKind::kData, {"name is too long"}, [&] { read_torch_file(path); });
}

TEST(HostileWeights, ShapesThatNoTensorHasAreRefused) {
  const TemporaryFolder folder;
  for (const std::string& shape :
       std::vector<std::string>{"0,1000000000000,1000000000000", "0,9223372036854775807,2"}) {
    const std::string header =
        R"({"a":{"dtype":"F32","shape":[)" + shape + R"(],"data_offsets":[0,0]}})";
    const auto size = static_cast<uint64_t>(header.size());
    write_file(folder / "a.safetensors",
               std::string(reinterpret_cast<const char*>(&size), 8) + header);
    expect_error(ErrorKind::kData, {"no tensor has", "'a'"},
                 [&] { read_safetensors(folder / "a.safetensors"); });
  }
}

// A conversion of 1e127 to a whole number has no defined result.
TEST(HostileWeights, SizesAndOffsetsAreWholeNumbers) {
  const TemporaryFolder folder;
  for (const std::string wrong :
       {R"([1],"data_offsets":[24E127,1])", R"([1],"data_offsets":[0,1e300])",
        R"([1],"data_offsets":[0,1.5])", R"([1],"data_offsets":[0])", R"([1],"data_offsets":0)",
        R"([1],"data_offsets":[0,18446744073709551615])", R"([1e300],"data_offsets":[0,1])",
        R"(1,"data_offsets":[0,1])"}) {
    const std::string header = R"({"a":{"dtype":"U8","shape":)" + wrong + "}}";
    const auto size = static_cast<uint64_t>(header.size());
    write_file(folder / "a.safetensors",
               std::string(reinterpret_cast<const char*>(&size), 8) + header + "x");
    expect_error(ErrorKind::kData, {"header entry", "'a'"},
                 [&] { read_safetensors(folder / "a.safetensors"); });
  }
}

TEST(HostileWeights, ACutFileIsAnErrorAtEveryLength) {
  const TemporaryFolder folder;
  const auto files = write_torch_files(folder.path(), [](auto& writer, bool is_legacy) {
    writer.state_dict({{"w", kValues}, {"n", at::tensor(7, at::kLong)}}, is_legacy);
  });
  for (const fs::path& path : files) {
    for (auto length = static_cast<int64_t>(fs::file_size(path)) - 1; length >= 0; length -= 3) {
      fs::resize_file(path, static_cast<uintmax_t>(length));
      expect_error(ErrorKind::kData, {path.filename()}, [&] { read_torch_file(path); });
    }
  }
}

TEST(Weights, OtherFilesAreNamed) {
  const TemporaryFolder folder;
  write_file(folder / "notes.txt", "hello");
  expect_error(ErrorKind::kData, {"not a file of weights", "notes.txt"},
               [&] { read_weights(folder / "notes.txt"); });
  expect_error(ErrorKind::kData, {"no such file", "absent.pth"},
               [&] { read_weights(folder / "absent.pth"); });
}

}  // namespace
}  // namespace semiseg
