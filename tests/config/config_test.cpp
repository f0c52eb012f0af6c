// SPDX-License-Identifier: Apache-2.0
// Tests how experiment files, groups and overrides compose one configuration.
#include "tests/support/experiments.h"

namespace semiseg {
namespace {

TEST_F(Experiments, LaterDefaultsWinAndSelfHasItsPlace) {
  write("a", "x = 1\ny = 1\n");
  write("first", "defaults = [\"_self_\", \"a\"]\nx = 2\n");
  write("last", "defaults = [\"a\"]\nx = 2\n");
  EXPECT_EQ(text({}, "first"), "x = 1\ny = 1\n");
  EXPECT_EQ(text({}, "last"), "x = 2\ny = 1\n");
}

TEST_F(Experiments, AGroupGoesToItsSectionAndItsOwnDefaultsAreRelative) {
  EXPECT_EQ(compose(request()).section("method").to_toml(),
            "ema_decay = 0.99\nrampup = 100\nname = \"bcp\"\n");
  EXPECT_EQ(compose(request({"method=ua_mt"})).section("method").to_toml(),
            "ema_decay = 0.99\nrampup = 40\nname = \"ua_mt\"\n");
}

TEST_F(Experiments, PackagesMoveTheContent) {
  write("two",
        "defaults = [{\"dataset@source\" = \"acdc\"}, {\"dataset@run.target\" = \"la\"}, "
        "{\"dataset@_global_\" = \"la\"}]\n");
  EXPECT_EQ(text({}, "two"),
            "name = \"la\"\nclasses = 2\n"
            "\n[source]\nname = \"acdc\"\nclasses = 4\nroot = \"data\"\n"
            "\n[run.target]\nname = \"la\"\nclasses = 2\n");
  EXPECT_EQ(compose(request({"dataset@source=la"}, "two")).section("source").to_toml(),
            "name = \"la\"\nclasses = 2\n");
  EXPECT_FALSE(compose(request({"~dataset@_global_"}, "two")).has("classes"));
}

TEST_F(Experiments, NestedGroupsFollowThePackageOfTheirParent) {
  write("method/plus", "defaults = [{\"loss\" = \"dice\"}, {\"/dataset@other\" = \"la\"}]\n");
  write("method/loss/dice", "smooth = 1.0\n");
  write("nested", "defaults = [{\"method@left\" = \"plus\"}]\n");
  EXPECT_EQ(text({}, "nested"),
            "[left.loss]\nsmooth = 1.0\n\n[left.other]\nname = \"la\"\nclasses = 2\n");
}

TEST_F(Experiments, AHeadCommentPutsAnOptionAtTheRoot) {
  const Config config = compose(request({"+ablation=no_ema"}));
  double decay = 1;
  config.section("method").read("ema_decay", decay, {0, 1}, "");
  EXPECT_EQ(decay, 0);
  EXPECT_FALSE(config.has("ablation"));
}

TEST_F(Experiments, ALaterChoiceReplacesTheFirstAndTheCommandLineBeatsBoth) {
  write("run", "defaults = [\"base\", {method = \"ua_mt\"}, \"dataset/la\"]\n");
  EXPECT_EQ(compose(request({}, "run")).section("method").to_toml(),
            "ema_decay = 0.99\nrampup = 40\nname = \"ua_mt\"\n");
  EXPECT_EQ(compose(request({"method=bcp"}, "run")).section("method").required("name", ""), "bcp");
}

TEST_F(Experiments, ChoicesThatUndoEachOtherAreRefused) {
  write("method/x", "defaults = [{\"/method\" = \"y\"}]\n");
  write("method/y", "");
  write("flip", "defaults = [{method = \"x\"}]\n");
  expect_contains(message({}, "flip"), {"choose in a cycle", "method"});
}

TEST_F(Experiments, AGroupCanBeSkippedDeletedAndAdded) {
  write("lean", "defaults = [{dataset = \"acdc\"}, {method = \"\"}]\n");
  EXPECT_FALSE(compose(request({}, "lean")).has("method"));
  EXPECT_TRUE(compose(request({"method=bcp"}, "lean")).has("method"));
  EXPECT_FALSE(compose(request({"~dataset"}, "lean")).has("dataset"));
  EXPECT_FALSE(compose(request({"~dataset=acdc"}, "lean")).has("dataset"));
  EXPECT_FALSE(compose(request({"dataset=null"}, "lean")).has("dataset"));
  EXPECT_EQ(compose(request({"++method=bcp"}, "lean")).section("method").required("name", ""),
            "bcp");
  EXPECT_EQ(compose(request({"++ablation@x=no_ema"}, "lean")).section("x.method").to_toml(),
            "ema_decay = 0.0\n");
}

TEST_F(Experiments, TheFirstFolderOfTheSearchPathWins) {
  ComposeRequest both = request({"method=mine"});
  both.search.insert(both.search.begin(), folder_ / "own");
  write("own/method/mine", "name = \"mine\"\n");
  write("own/dataset/acdc", "name = \"own acdc\"\n");
  const Config config = compose(both);
  EXPECT_EQ(config.section("run").required("name", ""), "mine-own acdc-7");
}

TEST_F(Experiments, ValueOverridesApplyInOrderAfterChoices) {
  const Config config =
      compose(request({"method.rampup=5", "labelled=3", "method=ua_mt", "labelled=1",
                       "optimiser={lr:1,momentum:0.9}", "run.tags=[c]", "~seed",
                       "~optimiser.nesterov=true", "++run.extra=x"}));
  EXPECT_EQ(config.section("method").to_toml(), "ema_decay = 0.99\nrampup = 5\nname = \"ua_mt\"\n");
  EXPECT_EQ(config.section("optimiser").to_toml(), "lr = 1\nmomentum = 0.9\n");
  EXPECT_EQ(config.section("run").to_toml(),
            "name = \"ua_mt-acdc-1\"\ntags = [\"c\"]\nextra = \"x\"\n");
  EXPECT_FALSE(config.has("seed"));
}

TEST_F(Experiments, ABareNumberForAKeyThatHoldsTextBecomesText) {
  EXPECT_EQ(compose(request({"run.name=007", "run.name=7"})).section("run").required("name", ""),
            "7");
  EXPECT_EQ(compose(request({"run.name=True"})).section("run").required("name", ""), "True");
}

TEST_F(Experiments, AKeyWithADefaultInCodeCanBeSetWithoutAPlus) {
  double weight = 0.5;
  compose(request({"method.weight=2"})).section("method").read("weight", weight, {0, 10}, "");
  EXPECT_EQ(weight, 2);
}

TEST_F(Experiments, InterpolationKeepsTypesNestsAndReadsTimeAndEnvironment) {
  write("inter", R"(which = "lr"
lr = 0.5
copy = "${lr}"
nested = "${${which}}"
text = "lr=${lr} at ${env:SITE}"
workers = "${oc.env:WORKERS,1}"
absent = "${env:NOWHERE, ${env:SITE}}"
day = "${now:%Y-%m-%d}"
plain = '\${lr}'
slash = '\\${lr}'
list = ["${lr}", "${section}"]
[section]
deep = "${list_source}"
[other]
whole = "${section}"
)");
  expect_contains(message({}, "inter"), {"'section.deep' at", "'list_source'"});
  EXPECT_EQ(text({"+list_source=[1]"}, "inter"), R"(which = "lr"
lr = 0.5
copy = 0.5
nested = 0.5
text = "lr=0.5 at basel"
workers = 4
absent = "basel"
day = "2023-11-14"
plain = "\\${lr}"
slash = "\\0.5"
list = [0.5, {deep = [1]}]
list_source = [1]

[section]
deep = [1]

[other.whole]
deep = [1]
)");
}

TEST_F(Experiments, OriginsNameFileAndLineOrTheCommandLine) {
  const std::string origins = compose(request({"labelled=3", "+run.note=a"})).to_toml(true);
  const std::string base = (folder_ / "base.toml").string();
  expect_contains(
      origins, {"labelled = 3  # command line\n", "seed = 0  # " + base + ":4\n",
                "note = \"a\"  # command line\n",
                "rampup = 100  # " + (folder_ / "method/bcp.toml").string() + ":4\n",
                "ema_decay = 0.99  # " + (folder_ / "method/base_method.toml").string() + ":1\n"});
}

TEST_F(Experiments, InfoListsGroupsWithSummariesAndTheTreeOfDefaults) {
  const std::string info = describe_groups(request({"dataset=la", "+ablation=no_ema"}));
  expect_contains(info,
                  {"  dataset\n    acdc  Cardiac MRI.\n    la    Left atrium.\n",
                   "    no_ema  Without the teacher's average.\n", "defaults\n  base  (",
                   "    dataset = la  → [dataset]  (", "      method/base_method  → [method]  (",
                   "    _self_\n    ablation = no_ema  ("});
}

TEST_F(Experiments, AKeyThatNobodyReadsIsNamedWithTheNearestOneRead) {
  const Config config =
      compose(request({"method.ema_decy=0.5", "metod=ua_mt", "optimiser.rampup=1"}));
  std::string word;
  double number = 0;
  int64_t whole = 0;
  bool flag = false;
  std::vector<std::string> words;
  const Config method = config.section("method"), dataset = config.section("dataset"),
               copy = method;
  copy.read("ema_decay", number, {0, 1}, "EMA");
  copy.read("rampup", whole, {0, 1000}, "");
  for (const Config& section : {method, dataset, config.section("run")})
    section.read("name", word, "");
  dataset.read("classes", whole, {1, 100}, "");
  dataset.read("root", word, "");
  config.read("labelled", whole, {0, 100}, "");
  config.read("seed", whole, {0, 100}, "");
  config.section("run").read("tags", words, "");
  config.section("optimiser").read("lr", number, {0, 1}, "");
  config.section("optimiser").read("nesterov", flag, "");
  expect_contains(
      message_of([&] { config.check_all_read(); }),
      {"'method.ema_decy'", "command line: method.ema_decy=0.5", "did you mean 'method.ema_decay'?",
       "'metod'", "did you mean 'method'?", "'optimiser.rampup'", "did you mean 'method.rampup'?"});
  EXPECT_NO_THROW(dataset.check_all_read());
}

// A job's number is a name where the key held text, and a number where it held one.
TEST_F(Experiments, AVariableThatReplacesTextIsText) {
  write("text", "text = \"7\"\nname = \"${text}-1\"\nnumber = 7\nany = \"${number}\"\n");
  EXPECT_EQ(
      text({"text=${env:WORKERS}", "name=${number}", "number=${env:WORKERS}", "any=${env:WORKERS}"},
           "text"),
      "text = \"4\"\nname = \"4\"\nnumber = 4\nany = 4\n");
  EXPECT_EQ(compose(request({"text='${env:NOWHERE,007}'"}, "text")).to_toml().substr(0, 12),
            "text = \"007\"");
}

}  // namespace
}  // namespace semiseg
