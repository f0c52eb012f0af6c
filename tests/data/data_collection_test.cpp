// SPDX-License-Identifier: Apache-2.0
// Two data sets in one training: tasks, classes, samples and clashes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "framework/core/ignore_label.h"
#include "framework/data/archive/case_store.h"
#include "framework/data/sample_cache.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

std::string part(const TemporaryFolder& folder, const std::string& name,
                 const std::string& dataset) {
  const std::string few = "patients_train = 2\npatients_val = 1\npatients_test = 1\nsize = 48\n";
  return "[parts." + name + "]\nname = \"" + dataset + "\"\nroot = \"" + (folder / name).string() +
         "\"\n" + few + (dataset == "cardiac_phantom" ? "" : "slices = 16\n");
}

std::unique_ptr<DatasetSource> collection(const std::string& options) {
  return DatasetRegistry::instance().find("collection").make(parse_config(options));
}

TEST(Collection, JoinsCasesClassesAndSamplesAsTasks) {
  const TemporaryFolder folder;
  const auto both = collection(part(folder, "heart", "cardiac_phantom") +
                               part(folder, "atrium", "atrium_phantom"));
  const auto& classes = both->info().classes;
  ASSERT_EQ(classes.size(), 1u + 3 + 1);
  EXPECT_EQ(classes[0], "background");
  EXPECT_TRUE(classes[4].starts_with("atrium/")) << classes[4];
  EXPECT_EQ(tasks_of(both->cases()), (std::vector<std::string>{"heart", "atrium"}));
  EXPECT_EQ(both->info().tasks, tasks_of(both->cases()));
  EXPECT_EQ(both->load(0).task, "heart");
  EXPECT_EQ(both->load(both->cases().size() - 1).task, "atrium");
  const std::vector<SampleInfo> samples = both->training_samples(3);
  SampleCache cache(*both, samples, 64);
  for (size_t i = 0; i < samples.size(); ++i) {
    const CaseInfo& owner = both->cases()[samples[i].case_index];
    EXPECT_EQ(owner.split, Split::kTrain);
    EXPECT_TRUE(owner.patient.starts_with(owner.task + "/")) << owner.patient;
    const at::Tensor label = cache.get(i).label;
    const at::Tensor foreground = label.masked_select(label != 0);
    const bool is_heart = owner.task == "heart";
    EXPECT_EQ(cache.task(i), is_heart ? 0 : 1);
    EXPECT_GE(foreground.min().item<int64_t>(), is_heart ? 1 : 4);
    EXPECT_LE(foreground.max().item<int64_t>(), is_heart ? 3 : 4);
  }
}

TEST(Collection, ClashingCaseIdsAreNamedAndPrefixesSolveThem) {
  const TemporaryFolder folder;
  const std::string twice =
      part(folder, "one", "cardiac_phantom") + part(folder, "two", "cardiac_phantom");
  expect_error(ErrorKind::kConfig, {"two data sets", "'one' and 'two'", "prefix_ids=true"},
               [&] { collection(twice); });
  const auto both = collection("prefix_ids = true\n" + twice);
  EXPECT_TRUE(both->cases().front().id.starts_with("one-"));
}

// Two stores of one class each; half of the second one's voxels have no class.
TEST(Collection, VoxelsWithoutAClassBelongToNoPart) {
  const TemporaryFolder folder;
  for (const char* name : {"one", "two"}) {
    const bool is_second = name == std::string("two");
    StoredCase made{.info = {name, name, "", Split::kTrain}};
    made.volume.image = at::arange(8, at::kFloat).view({1, 2, 2, 2});
    made.volume.label = at::ones({2, 2, 2}, at::kByte);
    if (is_second) made.volume.label[0].fill_(kIgnoreLabel);
    write_case(folder / name, made);
    write_index(folder / name,
                {.name = name, .classes = {"background", "x"}, .has_ignore_label = is_second},
                {made.info});
  }
  std::string parts;
  for (const std::string name : {"one", "two"})
    parts +=
        "[parts." + name + "]\nname = \"store\"\nroot = \"" + (folder / name).string() + "\"\n";
  const auto both = collection(parts);
  EXPECT_TRUE(both->info().has_ignore_label);
  EXPECT_TRUE(both->load(0).label.eq(1).all().item<bool>());
  const at::Tensor label = both->load(1).label;
  EXPECT_TRUE(label[0].eq(kIgnoreLabel).all().item<bool>());
  EXPECT_TRUE(label[1].eq(2).all().item<bool>());
}

TEST(Collection, OfOneDataSetIsRefused) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::kConfig, {"at least two"},
               [&] { collection(part(folder, "heart", "cardiac_phantom")); });
}

}  // namespace
}  // namespace semiseg
