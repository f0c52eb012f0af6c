// SPDX-License-Identifier: Apache-2.0
// synapse, mmwhs and mnms in the layout of GenericSSL, on small trees of the same form.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/data/setting.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy_writer.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

using Names = std::set<std::string>;

// Values -100, -50, …: what lies outside [-75, 275] is clipped.
at::Tensor hounsfield() { return at::arange(24, at::kFloat).reshape({2, 3, 4}) * 50 - 100; }

class PairTree : public testing::Test {
 protected:
  PairTree(std::string name, std::string lists)
      : name_(std::move(name)), lists_(std::move(lists)) {}

  fs::path npy(const std::string& id, const char* of) const {
    return folder_.path() / "npy" / fmt::format("{}_{}.npy", id, of);
  }
  void write_label(const std::string& id, int64_t value) const {
    write_npy(npy(id, "label"), "|i1", at::full({2, 3, 4}, value, at::kChar));
  }
  void write_cases(const std::vector<std::string>& ids) const {
    for (const std::string& id : ids) {
      write_npy(npy(id, "image"), "<f4", hounsfield());
      write_label(id, 1);
    }
  }
  void list(const std::string& name, const std::vector<std::string>& ids) const {
    std::string text;
    for (const std::string& id : ids) text += id + "\n";
    write_file(folder_.path() / lists_ / (name + ".txt"), text);
  }
  void remove_list(const std::string& name) const {
    fs::remove(folder_.path() / lists_ / (name + ".txt"));
  }
  std::unique_ptr<DatasetSource> open(const std::string& more = "") const {
    return DatasetRegistry::instance().find(name_).make(
        parse_config(fmt::format("root = \"{}\"\n{}", folder_.path().string(), more)));
  }

  TemporaryFolder folder_;

 private:
  std::string name_, lists_;
};

// Ids of the cases with this split, in order.
std::vector<std::string> ids_of(const DatasetSource& source, Split split) {
  std::vector<std::string> ids;
  for (const CaseInfo& one : source.cases())
    if (one.split == split) ids.push_back(one.id);
  return ids;
}

struct Outcome {
  std::map<std::string, Names> pools;  // ids of the cases of a pool
  std::map<Split, Names> splits;
};

Outcome in_setting(std::unique_ptr<DatasetSource> source, const std::string& name,
                   const std::string& options, const std::string& labelled) {
  const auto setting = SettingRegistry::instance().find(name).make(parse_config(options), labelled);
  const std::vector<Split> splits = setting->splits(source->cases());
  source = with_splits(std::move(source), splits);
  const Pools pools = setting->pools(source->training_samples(3), source->cases());
  Outcome outcome;
  for (const Pool& pool : pools.pools)
    for (const size_t member : pool.members)
      outcome.pools[pool.name].insert(source->cases()[pools.samples[member].case_index].id);
  for (const CaseInfo& one : source->cases()) outcome.splits[one.split].insert(one.id);
  return outcome;
}

struct SynapseTree : PairTree {
  SynapseTree() : PairTree("synapse", "split_txts") {
    write_cases({"0009", "0021", "0002", "0001", "0008"});
    fs::remove(npy("0002", "label"));
    list("labeled_0.2", {"0021", "0009"});
    list("unlabeled_0.2", {"0002"});
    list("eval", {"0001"});
    list("test", {"0008"});
  }
};

TEST_F(SynapseTree, LabelledScansComeFirstAndIntensitiesAreThoseOfTheWindow) {
  const auto synapse = open();
  EXPECT_EQ(ids_of(*synapse, Split::kTrain), (std::vector<std::string>{"0009", "0021", "0002"}));
  EXPECT_EQ(ids_of(*synapse, Split::kVal), std::vector<std::string>{"0001"});
  EXPECT_EQ(ids_of(*synapse, Split::kTest), std::vector<std::string>{"0008"});
  EXPECT_EQ(synapse->info().classes.size(), 14u);
  EXPECT_FALSE(synapse->info().label_based_preparation);
  const Volume volume = synapse->load(0);
  EXPECT_TRUE(at::allclose(volume.image[0], (hounsfield().clamp(-75, 275) + 75) / 350));
  EXPECT_FALSE(volume.has_spacing);
}

TEST_F(SynapseTree, AllIsEveryScanWithGroundTruth) {
  const Outcome o = in_setting(open(), "ssl", "", "all");
  EXPECT_EQ(o.pools.at("labelled"), (Names{"0009", "0021"}));
  EXPECT_EQ(o.pools.at("unlabelled"), Names{"0002"});
}

TEST_F(SynapseTree, ListsOfAnotherShareAreAChoice) {
  list("labeled_0.4", {"0002"});
  list("unlabeled_0.4", {"0009", "0021"});
  write_label("0002", 13);
  const auto other = open("labelled_list = 'labeled_0.4'\nunlabelled_list = 'unlabeled_0.4'");
  EXPECT_EQ(other->cases().front().id, "0002");
  EXPECT_EQ(other->load(0).label.max().item<int64_t>(), 13);
}

TEST_F(SynapseTree, PlanesMayBeHalvedBeforeTheyAreClipped) {
  write_npy(npy("0009", "image"), "<f4", at::arange(32, at::kFloat).reshape({2, 4, 4}) * 20 - 100);
  write_npy(npy("0009", "label"), "|i1",
            at::arange(32).remainder(14).to(at::kChar).view({2, 4, 4}));
  const auto synapse = open("plane = 'halved'");
  const Volume volume = synapse->load(0);
  ASSERT_EQ(volume.image.sizes(), (at::IntArrayRef{1, 2, 2, 2}));
  // Means of four neighbours, -50 first, clipped to 275.
  const at::Tensor means = at::tensor({-50, -10, 110, 150, 270, 275, 275, 275}, at::kFloat);
  EXPECT_TRUE(at::allclose(volume.image.reshape(-1), (means + 50) / 325));
  EXPECT_TRUE(
      at::equal(volume.label.reshape(-1), at::tensor({0, 2, 8, 10, 2, 4, 10, 12}, at::kByte)));
  EXPECT_EQ(synapse->training_samples(2)[0].slice, 0);
  EXPECT_TRUE(synapse->info().preparation.empty());
}

TEST_F(SynapseTree, BadInputHasOneMessage) {
  write_label("0009", 14);
  expect_error(ErrorKind::kData, {"0009_label.npy", "0 to 13", "14"}, [&] { open()->load(0); });
  list("test", {"0001"});
  expect_error(ErrorKind::kData, {"case '0001' is listed twice", "val", "test"}, [&] { open(); });
  remove_list("eval");
  expect_error(ErrorKind::kData, {"list", "eval.txt", "no such file"}, [&] { open(); });
  list("labeled_0.2", {"0009", "21"});
  expect_error(ErrorKind::kData, {"labeled_0.2.txt:2", "0009", "21"}, [&] { open(); });
}

// Three scans of the source, and two, one and one of the target, in both directions.
struct MmwhsTree : PairTree {
  MmwhsTree() : PairTree("mmwhs", "splits_txts") {
    for (const std::string& one : {std::string("ct"), std::string("mr")}) {
      const std::string other = one == "ct" ? "mr" : "ct", mark = one + "_train_";
      write_cases({mark + "1001", mark + "1002", mark + "1003", mark + "1004"});
      list("train_" + one + "2" + other + "_labeled",
           {mark + "1003", mark + "1001", mark + "1002"});
      list("train_" + other + "2" + one + "_unlabeled", {mark + "1001", mark + "1002"});
      list("eval_" + other + "2" + one, {mark + "1003"});
      list("test_" + one, {mark + "1004"});
    }
  }
};

TEST_F(MmwhsTree, EachModalityIsADomainThatValidates) {
  const auto mmwhs = open();
  EXPECT_EQ(domains_of(mmwhs->cases()), (std::vector<std::string>{"ct", "mr"}));
  EXPECT_TRUE(mmwhs->info().label_based_preparation);
  const Outcome o = in_setting(open(), "uda", "source = 'ct'\ntarget = 'mr'", "all");
  EXPECT_EQ(o.pools.at("labelled"), (Names{"ct_train_1001", "ct_train_1002"}));
  EXPECT_EQ(o.pools.at("unlabelled"), (Names{"mr_train_1001", "mr_train_1002"}));
  EXPECT_EQ(o.splits.at(Split::kVal), Names{"ct_train_1003"});
  EXPECT_EQ(o.splits.at(Split::kTest), Names{"mr_train_1004"});
}

TEST_F(MmwhsTree, APublishedDirectionTrainsOnAllSourceScans) {
  const Outcome o = in_setting(open("published_direction = 'mr2ct'"), "uda",
                               "source = 'mr'\ntarget = 'ct'\nselect = 'target'", "all");
  EXPECT_EQ(o.pools.at("labelled"), (Names{"mr_train_1001", "mr_train_1002", "mr_train_1003"}));
  EXPECT_EQ(o.pools.at("unlabelled"), (Names{"ct_train_1001", "ct_train_1002"}));
  EXPECT_EQ(o.splits.at(Split::kVal), Names{"ct_train_1003"});
}

TEST_F(MmwhsTree, BadInputHasOneMessage) {
  list("test_mr", {"mr_train_1004", "mr_train_1001"});
  expect_error(ErrorKind::kData, {"mr_train_1001", "train", "test"}, [&] { open(); });
  list("test_mr", {"ct_train_1004"});
  expect_error(ErrorKind::kData, {"test_mr.txt:1", "mr_train_1001", "ct_train_1004"},
               [&] { open(); });
  write_label("ct_train_1001", 5);
  list("test_mr", {"mr_train_1004"});
  expect_error(ErrorKind::kData, {"ct_train_1001_label.npy", "0 to 4"}, [&] { open()->load(0); });
}

// Two frames of each patient: three patients of vendor A, two of B, one of C and D each.
struct MnmsTree : PairTree {
  MnmsTree() : PairTree("mnms", "split_txts") {
    add("A", {"A3A3A3", "A1A1A1", "A2A2A2"});
    add("B", {"B1B1B1", "B2B2B2"});
    add("C", {"C1C1C1"});
    add("D", {"D1D1D1"});
    list("train_toD_labeled_0.02", {"A2A2A2_sa_9", "A2A2A2_sa_10", "B2B2B2_sa_9", "C1C1C1_sa_9"});
  }
  void add(const std::string& vendor, const std::vector<std::string>& patients) const {
    std::vector<std::string> lines;
    for (const std::string& patient : patients) {
      write_cases({patient + "_sa_10", patient + "_sa_9"});
      lines.push_back(patient + "_sa");
    }
    list("vendor" + vendor, lines);
  }
};

Names patients_of(const Names& ids) {
  Names patients;
  for (const std::string& id : ids) patients.insert(id.substr(0, 6));
  return patients;
}

TEST_F(MnmsTree, VendorsAreDomainsAndFramesBelongToPatients) {
  const auto mnms = open();
  EXPECT_EQ(mnms->cases().size(), 14u);
  EXPECT_EQ(domains_of(mnms->cases()), (std::vector<std::string>{"A", "B", "C", "D"}));
  EXPECT_EQ(mnms->cases()[0].id, "A1A1A1_sa_10");
  EXPECT_EQ(mnms->cases()[0].patient, "A1A1A1");
  const Outcome o = in_setting(open(), "semidg", "left_out = 'D'", "2%");
  EXPECT_EQ(patients_of(o.pools.at("labelled")), (Names{"A1A1A1", "B1B1B1", "C1C1C1"}));
  EXPECT_EQ(patients_of(o.pools.at("unlabelled")), (Names{"A2A2A2", "A3A3A3", "B2B2B2"}));
  EXPECT_EQ(o.splits.at(Split::kTest), (Names{"D1D1D1_sa_10", "D1D1D1_sa_9"}));
  EXPECT_FALSE(o.splits.contains(Split::kVal));
}

TEST_F(MnmsTree, APublishedDrawIsLabelled) {
  const auto labelled = [&](const std::string& share) {
    const Outcome o =
        in_setting(open("published_draw = 'toD_0.02'"), "semidg", "left_out = 'D'", share);
    return patients_of(o.pools.at("labelled"));
  };
  EXPECT_EQ(labelled("2%"), (Names{"A2A2A2", "B2B2B2", "C1C1C1"}));
  EXPECT_EQ(labelled("34%"), (Names{"A1A1A1", "A2A2A2", "B2B2B2", "C1C1C1"}));
}

TEST_F(MnmsTree, TheLastPatientsOfEachVendorValidateWhereAsked) {
  add("C", {"C1C1C1", "C2C2C2"});
  add("D", {"D1D1D1", "D2D2D2"});
  const Outcome o = in_setting(open("validation = 1"), "semidg", "left_out = 'D'", "1");
  EXPECT_EQ(patients_of(o.splits.at(Split::kVal)), (Names{"A3A3A3", "B2B2B2", "C2C2C2"}));
  EXPECT_EQ(patients_of(o.splits.at(Split::kTest)), (Names{"D1D1D1", "D2D2D2"}));
  expect_error(ErrorKind::kConfig, {"dataset.validation", "2 patients of vendor B"},
               [&] { open("validation = 2"); });
}

TEST_F(MnmsTree, BadInputHasOneMessage) {
  list("vendorB", {"B1B1B1_sa", "A1A1A1_sa"});
  expect_error(ErrorKind::kData, {"vendorB.txt", "A1A1A1", "vendorA.txt"}, [&] { open(); });
  list("vendorB", {"B1B1B1_sa", "B7B7B7_sa"});
  expect_error(ErrorKind::kData, {"listed patient has no frame", "B7B7B7_sa"}, [&] { open(); });
  list("vendorB", {"B1B1B1_sa"});
  expect_error(ErrorKind::kData, {"published_draw", "B2B2B2"},
               [&] { open("published_draw = 'toD_0.02'"); });
  expect_error(ErrorKind::kData, {"train_toC_labeled_0.05.txt", "no such file"},
               [&] { open("published_draw = 'toC_0.05'"); });
  remove_list("vendorC");
  expect_error(ErrorKind::kData, {"vendorC.txt", "no such file"}, [&] { open(); });
}

}  // namespace
}  // namespace semiseg
