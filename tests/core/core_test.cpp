// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/nearest.h"
#include "framework/core/plugins/registry.h"
#include "framework/core/random/draws.h"
#include "framework/core/state.h"

namespace semiseg {
namespace {

double correlation(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kDouble) - a.to(at::kDouble).mean(),
                   y = b.to(at::kDouble) - b.to(at::kDouble).mean();
  return ((x * y).mean() / (x.square().mean() * y.square().mean()).sqrt()).item<double>();
}

TEST(Draws, UniformHasTheMomentsOfTheUnitInterval) {
  const at::Tensor u = Draws(1).at(0, 0).uniform("u", {1 << 20}).to(at::kDouble);
  EXPECT_GE(u.min().item<double>(), 0.0);
  EXPECT_LT(u.max().item<double>(), 1.0);
  EXPECT_NEAR(u.mean().item<double>(), 0.5, 1e-3);  // 3.5 standard errors
  EXPECT_NEAR(u.var().item<double>(), 1.0 / 12, 5e-4);
  EXPECT_NEAR((u * u * u).mean().item<double>(), 0.25, 1e-3);
}

// Sizes that do and do not fill blocks of four words.
TEST(Draws, AtLeastComparesTheUniformNumbers) {
  const Draws draws = Draws(3).at(1, 2);
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{3, 4, 5}, {3, 5, 3}, {2, 3, 2, 4}, {7}}) {
    const at::Tensor kept = draws.at_least(0.3, "u", shape, {5, 0});
    EXPECT_EQ(kept.scalar_type(), at::kByte);
    EXPECT_TRUE(at::equal(kept.to(at::kBool), draws.uniform("u", shape, {5, 0}).ge(0.3)));
  }
}

TEST(Draws, NormalHasTheMomentsOfTheStandardNormal) {
  const at::Tensor z = Draws(2).at(0, 0).normal("z", {1 << 20}).to(at::kDouble);
  EXPECT_NEAR(z.mean().item<double>(), 0, 4e-3);
  EXPECT_NEAR(z.square().mean().item<double>(), 1, 6e-3);
  EXPECT_NEAR(z.pow(3).mean().item<double>(), 0, 0.02);
  EXPECT_NEAR(z.pow(4).mean().item<double>(), 3, 0.05);
  EXPECT_NEAR(correlation(z.slice(0, 0, (1 << 20) - 1), z.slice(0, 1)), 0, 4e-3);
}

TEST(Draws, NamesSamplesIterationsStagesAndSeedsAreIndependent) {
  const int64_t size = 1 << 18;
  const at::Tensor base = Draws(3).at(0, 5).uniform("noise", {size}, {7});
  const std::vector<at::Tensor> others = {Draws(3).at(0, 5).uniform("other", {size}, {7}),
                                          Draws(3).at(0, 5).uniform("noise", {size}, {8}),
                                          Draws(3).at(0, 6).uniform("noise", {size}, {7}),
                                          Draws(3).at(1, 5).uniform("noise", {size}, {7}),
                                          Draws(4).at(0, 5).uniform("noise", {size}, {7}),
                                          Draws(3).at(0, 5).uniform("noise", {size}).unsqueeze(0)};
  for (const auto& other : others) EXPECT_NEAR(correlation(base, other), 0, 0.01);
}

TEST(Draws, ASampleHasTheSameNumbersInAnyCompanyAndOrder) {
  const Draws draws = Draws(5).at(1, 9);
  const at::Tensor all = draws.normal("n", {3, 5}, {0, 1, 2, 3});
  draws.uniform("between", {100});
  const at::Tensor some = draws.normal("n", {3, 5}, {3, 1});
  EXPECT_TRUE(at::equal(some[0], all[3]));
  EXPECT_TRUE(at::equal(some[1], all[1]));
}

TEST(Draws, AShorterDrawIsThePrefixOfALonger) {
  EXPECT_TRUE(
      at::equal(Draws(5).uniform("u", {1000}).slice(0, 0, 10), Draws(5).uniform("u", {10})));
}

TEST(Draws, IntegersCoverTheirRangeEvenly) {
  const at::Tensor values = Draws(6).integers("box", {60000}, -2, 4);
  const at::Tensor counts = at::bincount(values + 2, {}, 6).to(at::kDouble);
  EXPECT_EQ(counts.size(0), 6);
  EXPECT_LT(((counts - 10000).square() / 10000).sum().item<double>(),
            20.5);  // chi-square, 5 degrees, p = 0.001
}

TEST(Draws, APermutationHoldsEveryNumberOnce) {
  const at::Tensor permutation = Draws(7).permutation("order", 1000);
  EXPECT_TRUE(at::equal(std::get<0>(permutation.sort()), at::arange(1000)));
  EXPECT_FALSE(at::equal(permutation, at::arange(1000)));
}

TEST(Draws, ReplayGivesTheRecordedNumbersOfTheSamplesAsked) {
  const at::Tensor recorded = at::arange(6, at::kFloat).view({3, 2});
  const Draws draws = Draws(1).replay({{"noise", recorded}});
  EXPECT_TRUE(at::equal(draws.normal("noise", {2}, {2, 0}),
                        recorded.index_select(0, at::tensor({2, 0}, at::kLong))));
  EXPECT_THROW(draws.uniform("unheard_of", {2}), Error);
}

TEST(Draws, SequenceMatchesItsTensorStream) {
  DrawSequence sequence = Draws(8).at(0, 1).sequence("s", 4);
  const at::Tensor tensor = Draws(8).at(0, 1).uniform("s", {8}, {4});
  for (int64_t i = 0; i < 8; ++i)
    EXPECT_NEAR(sequence.uniform(), tensor[0][i].item<double>(), 1e-7);
}

class FilesTest : public testing::Test {
 protected:
  FilesTest() : folder_(std::filesystem::path(testing::TempDir()) / "semiseg_files") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FilesTest() override {
    set_file_fault({});
    std::filesystem::remove_all(folder_);
  }
  std::filesystem::path folder_;
};

TEST_F(FilesTest, AFaultAtAnySystemCallLeavesTheOldFile) {
  const auto path = folder_ / "state.json";
  write_file(path, "old");
  int calls = 0;
  set_file_fault([&](auto, auto&) { return ++calls, false; });
  write_file(path, "old");
  const int total = calls;
  ASSERT_GE(total, 5);
  // The last two calls sync the folder after the rename: the new file is then in place.
  for (int failing = 1; failing <= total - 2; ++failing) {
    calls = 0;
    set_file_fault([&](auto, auto&) { return ++calls == failing; });
    EXPECT_THROW(write_file(path, "new"), Error) << "call " << failing;
    EXPECT_EQ(read_file(path), "old") << "call " << failing;
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1)
      << "no temporary is left";
}

TEST_F(FilesTest, WritesIntoFoldersThatDoNotExistYet) {
  write_file(folder_ / "a/b/c.txt", "text");
  EXPECT_EQ(read_file(folder_ / "a/b/c.txt"), "text");
}

TEST_F(FilesTest, ReadingAFolderIsADataError) {
  try {
    read_file(folder_);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_NE(std::string(error.what()).find(folder_.string()), std::string::npos);
  }
}

TEST(Nearest, SuggestsTheNearestOrListsAll) {
  EXPECT_EQ(suggestion("mean_techer", {"bcp", "mean_teacher"}), "did you mean 'mean_teacher'?");
  EXPECT_EQ(suggestion("zzzzzz", {"bcp", "cps"}), "one of: bcp, cps");
}

TEST(ErrorMessage, NamesEveryPartThatIsGiven) {
  const Error error(ErrorKind::kData,
                    {.what = "w", .where = "h", .expected = "e", .got = "g", .fix = "f"});
  EXPECT_STREQ(error.what(), "w\n  where:    h\n  expected: e\n  got:      g\n  to do:    f");
  EXPECT_EQ(exit_code(ErrorKind::kConfig), 2);
  EXPECT_EQ(exit_code(error.kind()), 3);
  EXPECT_EQ(exit_code(ErrorKind::kStopped), 5);
}

struct Fruit {
  static const char* kind() { return "fruit"; }
  std::string name, summary;
};

TEST(RegistryTest, RefusesASecondPluginOfTheSameNameAndHelpsWithSpelling) {
  Registry<Fruit> registry;
  registry.add({"apple", ""});
  EXPECT_THROW(registry.add({"apple", ""}), Error);
  try {
    registry.find("aple");
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'apple'?"), std::string::npos);
  }
}

TEST(RegistryTest, FindsAnEntryByItsFormerName) {
  Registry<Fruit> registry;
  registry.add({"clementine", ""}, {"tangerine"});
  EXPECT_EQ(registry.find("tangerine").name, "clementine");
  EXPECT_EQ(registry.names(), std::vector<std::string>{"clementine"});
  EXPECT_EQ(registry.renamed().at("tangerine"), "clementine");
}

TEST(RegistryTest, APluginThatIsBeingLoadedIsToldOfTakenNames) {
  Registry<Fruit> registry;
  registry.add({"apple", "the first"});
  TakenNames taken;
  EXPECT_FALSE(registry.add({"apple", "the second"}));
  EXPECT_EQ(taken.names, std::vector<std::string>{"fruit 'apple'"});
  EXPECT_EQ(registry.find("apple").summary, "the first");
}

struct Thing {
  at::Tensor weight = at::zeros({2});
  int64_t count = 0;
  void state(StateVisitor& visitor) {
    visitor.scope("net", [&](StateVisitor& inner) { inner.tensor("weight", weight); });
    visitor.scalar("count", count);
  }
};

TEST(State, RoundTripAndMismatchesAreAllNamed) {
  Thing thing, other;
  thing.weight.fill_(3);
  thing.count = 7;
  StateMap saved = take_state([&](StateVisitor& v) { thing.state(v); });
  put_state([&](StateVisitor& v) { other.state(v); }, saved);
  EXPECT_TRUE(at::equal(other.weight, thing.weight));
  EXPECT_EQ(other.count, 7);

  saved.erase("count");
  saved["net/weight"] = at::zeros({3});
  saved["extra"] = int64_t{1};
  try {
    put_state([&](StateVisitor& v) { other.state(v); }, saved);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    for (const char* name : {"count", "net/weight", "extra"}) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << name;
    }
  }
}

}  // namespace
}  // namespace semiseg
