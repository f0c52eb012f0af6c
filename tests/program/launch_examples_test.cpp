// SPDX-License-Identifier: Apache-2.0
// The examples of domain adaptation and generalisation and each of their ablations, from outside
// and as small as they train.
#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "framework/core/files.h"
#include "tests/support/places.h"
#include "tests/support/program.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

struct Choice {
  std::string example, ablation;
  std::string title() const { return ablation.empty() ? example : ablation; }
  friend void PrintTo(const Choice& choice, std::ostream* out) { *out << choice.title(); }
};

// Each example, and with each ablation of its method where it is the one that ablations change.
std::vector<Choice> choices() {
  std::vector<Choice> all = {
      {"transmedseg_modalities", ""}, {"transmedseg_vendors", ""}, {"coral_vendors", ""}};
  for (const auto& entry : fs::directory_iterator(source_folder() / "experiments" / "ablation")) {
    const std::string stem = entry.path().stem();
    for (const std::string method : {"transmedseg", "coral"}) {
      if (stem.starts_with(method + "_")) all.push_back({method + "_vendors", stem});
    }
  }
  return all;
}

class DomainExamples : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fs::remove_all(folder());
    fs::create_directories(folder());
  }
  static void TearDownTestSuite() { fs::remove_all(folder()); }
  static fs::path folder() { return fs::path(testing::TempDir()) / "semiseg_domain_examples"; }

  static ProgramResult train(const Choice& choice, const std::string& run,
                             const std::string& more = "") {
    const std::string ablation = choice.ablation.empty() ? "" : " +ablation=" + choice.ablation;
    const std::string size =
        choice.example.ends_with("_vendors")
            ? "dataset.patients_train=8 dataset.patients_val=4 dataset.patients_test=4 "
              "dataset.slices=5 dataset.size=32 labelled=1 "
            : "dataset.patients_train=2 dataset.patients_val=1 dataset.patients_test=1 "
              "dataset.slices=24 dataset.size=64 ";
    return run_program("train +example=" + choice.example + ablation +
                           " protocol=smoke dataset.root=data threads=1 "
                           "'backbone.filters=[4,8,8,8,8]' " +
                           size + "run.dir=" + run + " " + more,
                       folder().string());
  }
  static std::string rows_of(const std::string& run) {
    return read_file(folder() / run / "metrics.jsonl");
  }
};

class EveryDomainExample : public DomainExamples, public testing::WithParamInterface<Choice> {};

// Where domains are kept apart, the rows of validations have their distances.
TEST_P(EveryDomainExample, TrainsFromEndToEnd) {
  const auto& [example, ablation] = GetParam();
  const ProgramResult result = train(GetParam(), GetParam().title());
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const bool keeps_domains = example.starts_with("transmedseg") && !ablation.ends_with("domains");
  const std::string pair = example.ends_with("_vendors") ? "A_to_B" : "ct_to_mr";
  const size_t found = rows_of(GetParam().title()).find("\"tsa.frechet." + pair + "\"");
  EXPECT_EQ(found != std::string::npos, keeps_domains);
}

INSTANTIATE_TEST_SUITE_P(Experiments, EveryDomainExample, testing::ValuesIn(choices()),
                         [](const auto& info) { return info.param.title(); });

TEST_F(DomainExamples, ThatStopGoOnAsIfTheyHadNot) {
  const Choice vendors{"transmedseg_vendors", ""};
  ASSERT_EQ(train(vendors, "whole").exit_code, 0);
  ASSERT_EQ(train(vendors, "cut", "--stop-after 5").exit_code, 5);
  ASSERT_EQ(train(vendors, "cut", "--stop-after 4").exit_code, 5);
  ASSERT_EQ(train(vendors, "cut").exit_code, 0);
  EXPECT_EQ(rows_of("cut"), rows_of("whole"));
}

// The memory has the shape of the domains, which the run's record of its data knows.
TEST_F(DomainExamples, AreDeployedWithoutTheirData) {
  ASSERT_EQ(train({"transmedseg_vendors", ""}, "deployed").exit_code, 0);
  fs::remove_all(folder() / "data");
  const ProgramResult result =
      run_program("export deployed network.safetensors", folder().string());
  EXPECT_EQ(result.exit_code, 0) << result.output;
}

TEST_F(DomainExamples, StatisticsOfDomainsOnDataOfOneAreRefused) {
  const ProgramResult result =
      train({"transmedseg_modalities", "transmedseg_without_domains"}, "single",
            "setting=ssl ~setting.source ~setting.target dataset.modality=ct labelled=1 "
            "method.domain_statistics=true");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.output.find("all scans of this data set are of one domain"), std::string::npos)
      << result.output;
}

}  // namespace
}  // namespace semiseg
