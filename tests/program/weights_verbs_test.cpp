// SPDX-License-Identifier: Apache-2.0
// Weights into the program and out of it, as a user types it.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "framework/checkpoint/best_checkpoint.h"
#include "framework/files/safetensors.h"
#include "tests/support/small_run.h"
#include "tests/support/torch_writer.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class WeightVerbs : public SmallRuns {
 protected:
  static ProgramResult semiseg(const std::string& arguments) {
    return run_program(arguments, folder_.string());
  }
  // The same experiment as those that are trained.
  static std::string import_command(const std::string& file, const std::string& run,
                                    const std::string& more = "method=mean_teacher") {
    return "import-weights " + file + " " + kSmall + " run.dir=" + run + " " + more;
  }
  static StateMap best(const std::string& run) {
    return BestCheckpoint(folder_ / run / "checkpoint").load(std::nullopt);
  }
  // Weights that a network of the small experiment takes.
  static void export_trained() {
    if (fs::exists(folder_ / "trained.safetensors")) return;
    ASSERT_EQ(train("trained", "method=mean_teacher").exit_code, 0);
    const ProgramResult result = semiseg("export trained trained.safetensors");
    ASSERT_EQ(result.exit_code, 0) << result.output;
  }
};

TEST_F(WeightVerbs, WeightsThatAreNotThereAreNamedWithThoseThatAre) {
  export_trained();
  EXPECT_EQ(semiseg("evaluate trained --split val --weights 000012").exit_code, 0);
  const ProgramResult absent = semiseg("evaluate trained --weights 000011");
  EXPECT_EQ(absent.exit_code, 2) << absent.output;
  EXPECT_NE(absent.output.find("best, 000008, 000012"), std::string::npos) << absent.output;
}

TEST_F(WeightVerbs, ExportAndImportGiveTheSameNetworkAndTheSameScores) {
  export_trained();
  const Safetensors file = read_safetensors(folder_ / "trained.safetensors");
  EXPECT_EQ(file.metadata.at("method"), "mean_teacher");
  EXPECT_EQ(file.metadata.at("dataset"), "cardiac_phantom");
  EXPECT_EQ(file.metadata.at("config_hash").size(), 16u);
  const StateMap trained = best("trained");
  for (const auto& [name, value] : file.tensors)
    EXPECT_TRUE(at::equal(value, std::get<at::Tensor>(trained.at("student/" + name)))) << name;

  const ProgramResult result = semiseg(import_command("trained.safetensors", "imported"));
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(text("imported", "state.json").find("imported from"), std::string::npos);
  EXPECT_NE(text("imported", "state.json").find(file.metadata.at("weights")), std::string::npos);
  const StateMap imported = best("imported");
  for (const auto& [name, value] : file.tensors) {
    for (const char* net : {"student/", "teacher/"})
      EXPECT_TRUE(at::equal(value, std::get<at::Tensor>(imported.at(net + name)))) << net << name;
  }
  // Works without the file, like a trained run.
  fs::rename(folder_ / "trained.safetensors", folder_ / "away.safetensors");
  for (const char* run : {"trained", "imported"}) {
    const ProgramResult scores = semiseg(std::string("evaluate ") + run);
    ASSERT_EQ(scores.exit_code, 0) << scores.output;
  }
  fs::rename(folder_ / "away.safetensors", folder_ / "trained.safetensors");
  const auto rows = [](const std::string& run) {
    const std::string all = text(run, "cases.test.csv");
    return all.substr(all.find("case,patient"));
  };
  EXPECT_EQ(rows("trained"), rows("imported"));
  EXPECT_NE(text("imported", "cases.test.csv").find("selection split: unknown (imported)"),
            std::string::npos);
}

TEST_F(WeightVerbs, ARunStandsForItsConfiguration) {
  export_trained();
  const ProgramResult result =
      semiseg("import-weights trained.safetensors trained run.root=alike method=cps");
  ASSERT_EQ(result.exit_code, 2) << "the run has no groups\n" << result.output;
  const ProgramResult alike = semiseg("import-weights trained.safetensors trained run.root=alike");
  ASSERT_EQ(alike.exit_code, 0) << alike.output;
  EXPECT_NE(alike.output.find("alike/"), std::string::npos) << alike.output;
  EXPECT_NE(alike.output.find("-mean_teacher-imported-cardiac_phantom-"), std::string::npos);
  const ProgramResult again = semiseg("import-weights trained.safetensors trained run.root=alike");
  EXPECT_EQ(again.exit_code, 0) << again.output;
  EXPECT_NE(again.output.find("already imported"), std::string::npos) << again.output;
}

TEST_F(WeightVerbs, ATrainingStartsFromTheFile) {
  export_trained();
  // A rate of nearly nothing: what comes out is what went in, but for the statistics.
  const std::string still = "protocol.optimiser.learning_rate=1e-30 ";
  ASSERT_EQ(train("started",
                  "method=cps backbone.weights=trained.safetensors "
                  "'backbone.weights_for=[net2]' " +
                      still)
                .exit_code,
            0);
  const StateMap started = best("started");
  const Safetensors file = read_safetensors(folder_ / "trained.safetensors");
  const std::string name = "decoder.out_conv.weight";
  EXPECT_TRUE(
      at::allclose(std::get<at::Tensor>(started.at("net2/" + name)), file.tensors.at(name)));
  EXPECT_FALSE(
      at::allclose(std::get<at::Tensor>(started.at("net1/" + name)), file.tensors.at(name)));
  const ProgramResult wrong = train(
      "wrong", "method=cps backbone.weights=trained.safetensors 'backbone.weights_for=[net3]'");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.output.find("no network 'net3'"), std::string::npos) << wrong.output;
}

TEST_F(WeightVerbs, AllMismatchesStandInOneMessageAndNothingIsWritten) {
  export_trained();
  Safetensors file = read_safetensors(folder_ / "trained.safetensors");
  file.tensors.erase("encoder.in_conv.conv_conv.0.bias");
  file.tensors.erase("decoder.out_conv.bias");
  file.tensors["classifier.weight"] = at::ones({1});
  file.tensors["decoder.out_conv.weight"] = at::ones({2, 4, 3, 3});
  PickleWriter writer;
  NamedTensors tensors(file.tensors.begin(), file.tensors.end());
  write_torch_zip(folder_ / "wrong.pth", writer.state_dict(tensors, false).finish(),
                  writer.storages);
  const ProgramResult result = semiseg(import_command("wrong.pth", "never"));
  EXPECT_EQ(result.exit_code, 3);
  for (const char* words :
       {"2 missing in the file: encoder.in_conv.conv_conv.0.bias, decoder.out_conv.bias",
        "1 unexpected: classifier.weight",
        "1 different: decoder.out_conv.weight (expected [4, 4, 3, 3], got [2, 4, 3, 3])"}) {
    EXPECT_NE(result.output.find(words), std::string::npos) << words << "\n" << result.output;
  }
  EXPECT_FALSE(fs::exists(folder_ / "never"));
}

TEST_F(WeightVerbs, CodeInAFileIsRefused) {
  PickleWriter writer;
  writer.raw("}").text("net").global("posix", "system").raw("(").text("touch was_run").raw("tRs");
  write_torch_zip(folder_ / "evil.pth", writer.finish(), {});
  const ProgramResult result = semiseg(import_command("evil.pth", "evil"));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.output.find("posix.system"), std::string::npos) << result.output;
  EXPECT_FALSE(fs::exists(folder_ / "was_run"));
  EXPECT_FALSE(fs::exists(folder_ / "evil"));
}

TEST_F(WeightVerbs, ExportReplacesAFileOnlyWhenForced) {
  export_trained();
  const std::string before = read_file(folder_ / "trained.safetensors");
  const ProgramResult refused = semiseg("export trained trained.safetensors --network teacher");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.output.find("--force"), std::string::npos) << refused.output;
  EXPECT_EQ(read_file(folder_ / "trained.safetensors"), before);
  ASSERT_EQ(semiseg("export trained other.safetensors").exit_code, 0);
  ASSERT_EQ(semiseg("export trained other.safetensors --network teacher --force").exit_code, 0);
  EXPECT_EQ(read_safetensors(folder_ / "other.safetensors").metadata.at("network"), "teacher");
  EXPECT_EQ(semiseg("export trained third.safetensors --network tutor").exit_code, 2);
  EXPECT_EQ(semiseg("export trained third.pth").exit_code, 2);
}

}  // namespace
}  // namespace semiseg
