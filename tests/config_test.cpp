// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

// A small experiments folder that vanishes with the test.
class Experiments : public testing::Test {
 protected:
  Experiments() {
    write("base", R"(# The settings that everything starts from.
defaults = [{dataset = "acdc"}, {method = "bcp"}, "_self_"]
labelled = 7
seed = 0
[run]
name = "${method.name}-${dataset.name}-${labelled}"
tags = ["a", "b"]
[optimiser]
lr = 0.01
nesterov = true
)");
    write("dataset/acdc", "# Cardiac MRI.\nname = \"acdc\"\nclasses = 4\nroot = \"data\"\n");
    write("dataset/la", "# Left atrium.\nname = \"la\"\nclasses = 2\n");
    write("method/base_method", "ema_decay = 0.99\nrampup = 40\n");
    write("method/bcp",
          "# Bidirectional copy-paste.\ndefaults = [\"base_method\", \"_self_\"]\nname = "
          "\"bcp\"\nrampup = 100\n");
    write("method/ua_mt", "defaults = [\"base_method\"]\nname = \"ua_mt\"\n");
    write("ablation/no_ema",
          "# @package _global_\n# Without the teacher's average.\n[method]\nema_decay = 0.0\n");
  }
  ~Experiments() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    write_file(folder_ / (name + ".toml"), text);
  }

  ComposeRequest request(std::vector<std::string> overrides = {}, std::string name = "base") const {
    return {.search = {folder_},
            .name = std::move(name),
            .overrides = std::move(overrides),
            .now = 1700000000,
            .environment = {{"SITE", "basel"}, {"WORKERS", "4"}}};
  }

  // The composed text below a key: "3\n"-like for a value, whole sections otherwise.
  std::string text(std::vector<std::string> overrides, std::string name = "base") const {
    return compose(request(std::move(overrides), std::move(name))).to_toml();
  }

  std::string message(std::vector<std::string> overrides, std::string name = "base") const {
    try {
      compose(request(std::move(overrides), std::move(name)));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConfig);
      return error.what();
    }
    return "no error";
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("semiseg_config_" + std::to_string(getpid()) + "_" +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

void expect_contains(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << "missing: " << part << "\nin: " << text;
  }
}

// Message of a configuration error; "no error" when there is none.
template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig);
    return error.what();
  }
  return "no error";
}

struct ValueCase {
  std::string value, toml;
};

TEST_F(Experiments, OverrideValuesHaveTheTypesOfTheGrammar) {
  const std::vector<ValueCase> cases = {
      {"1", "1"},
      {"-3", "-3"},
      {"+5", "5"},
      {"1_000", "1000"},
      {"1__0", "\"1__0\""},
      {"0", "0"},
      {"007", "\"007\""},
      {"1.5", "1.5"},
      {"1.", "1.0"},
      {".5", "0.5"},
      {"1e-3", "0.001"},
      {"-2E3", "-2000.0"},
      {"1.2.3", "\"1.2.3\""},
      {"inf", "inf"},
      {"-inf", "-inf"},
      {"NaN", "nan"},
      {"true", "true"},
      {"FALSE", "false"},
      {"", "\"\""},
      {"text", "\"text\""},
      {"two words ", "\"two words\""},
      {"/data/a-b_c.h5", "\"/data/a-b_c.h5\""},
      {"a=b", "\"a=b\""},
      {"10:30", "\"10:30\""},
      {"'1,2'", "\"1,2\""},
      {"\"true\"", "\"true\""},
      {"'it\\'s'", "\"it's\""},
      {"'a\\\\b'", "\"a\\\\b\""},
      {"a\\,b", "\"a,b\""},
      {"\\(x\\)", "\"(x)\""},
      {"1\\ ", "\"1 \""},
      {"[]", "[]"},
      {"[1, 2.5,x]", "[1, 2.5, \"x\"]"},
      {"[[1,2],['a,b']]", "[[1, 2], [\"a,b\"]]"},
      {"[{a:1,b:x}]", "[{a = 1, b = \"x\"}]"},
      {"${seed}", "0"},
      {"s${seed}", "\"s0\""},
      {"${env:NOWHERE,3}", "3"},
      {"[${seed},${env:NOWHERE,a}]", "[0, \"a\"]"},
  };
  for (const auto& [value, toml] : cases) {
    EXPECT_EQ(compose(request({"+new.key=" + value})).section("new").to_toml(),
              "key = " + toml + "\n")
        << value;
  }
}

struct BadCase {
  std::string override;
  std::vector<std::string> parts;
};

TEST_F(Experiments, BadOverridesAreNamedWithTheRemedy) {
  const std::vector<BadCase> cases = {
      {"labelled=3,7", {"labelled=3,7", "semiseg sweep", "'3,7'", "[3,7]"}},
      {"method=bcp,ua_mt", {"method=bcp,ua_mt", "semiseg sweep"}},
      {"seed=range(5)", {"seed=range(5)", "range", "semiseg sweep"}},
      {"seed=choice(1,2)", {"choice", "semiseg sweep"}},
      {"seed=f(1)", {"unexpected '('", "seed", "quotes"}},
      {"labelled", {"labelled", "no '='", "key=value"}},
      {"=3", {"no key"}},
      {"a..b=3", {"a..b", "no key"}},
      {"a b=3", {"'a b' is no key"}},
      {"seed=[1,2", {"seed=[1,2", "ends too early", "']'"}},
      {"seed=[1]x", {"unexpected 'x'"}},
      {"seed=]", {"unexpected ']'"}},
      {"seed={a:1", {"ends too early", "'}'"}},
      {"seed={a}", {"unexpected '}'"}},
      {"seed={a.b:1}", {"'a.b' is no key of {…}"}},
      {"seed={a:1,a:2}", {"'a' stands twice"}},
      {"seed='x", {"quote ' is not closed"}},
      {"seed=it's", {"unexpected '''", "quotes"}},
      {"seed=${labelled", {"'${' is not closed"}},
      {"seed=null", {"no null", "~seed", "seed="}},
      {"optimizer.lr=1",
       {"optimizer.lr=1", "no section 'optimizer'", "did you mean 'optimiser'?",
        "+optimizer.lr=1"}},
      {"seed.x=1", {"'seed' holds a value", "base.toml:4"}},
      {"optimiser=3", {"'optimiser'", "section", "base.toml:8", "optimiser=3", "optimiser.KEY=…"}},
      {"run.tags={a:1}", {"'run.tags'", "list", "base.toml:7"}},
      {"+seed=1", {"'seed' is there already", "base.toml:4", "++"}},
      {"+optimiser={lr:1}", {"'optimiser.lr' is there already"}},
      {"~optimiser.lrr", {"no key 'optimiser.lrr' to delete", "did you mean 'optimiser.lr'?"}},
      {"~seed=1", {"not deleted", "expected: 1", "got:      0", "base.toml:4"}},
      {"method=bpc",
       {"unknown option 'bpc' of group 'method'", "command line: method=bpc",
        "did you mean 'bcp'?"}},
      {"dataset=la5x", {"unknown option 'la5x'", "'la'"}},
      {"dataset=xyzzyx", {"one of: acdc, la"}},
      {"ablation=no_ema", {"'ablation' is not in the defaults list", "+ablation=no_ema"}},
      {"+method=ua_mt", {"'method' is in the defaults already", "method=ua_mt"}},
      {"~ablation", {"'ablation' is not in the defaults list"}},
      {"~method=ua_mt", {"not deleted", "expected: ua_mt", "bcp from"}},
      {"metod@x=bcp", {"unknown group 'metod@x'"}},
      {"method@x=bcp", {"'method@x' is not in the defaults list", "did you mean 'method'?"}},
      {"+metod/sub=bcp", {"unknown group 'metod/sub'"}},
      {"seed=${labeled}",
       {"not there: 'labeled'", "command line: seed=${labeled}", "did you mean 'labelled'?"}},
      {"seed=${seed}", {"never ends: seed → seed"}},
      {"seed=${run.name}${seed}", {"never ends: seed → seed"}},
      {"seed=${env:NOWHERE}", {"'NOWHERE' is not set", "${env:NOWHERE,default}"}},
      {"seed=${nwo:%Y}", {"unknown kind of interpolation 'nwo'", "did you mean 'now'?"}},
      {"run.name=x${run.tags}", {"a list cannot stand inside other text"}},
      {"run.name=${run}", {"never ends"}},
  };
  for (const auto& [override, parts] : cases) {
    SCOPED_TRACE(override);
    expect_contains(message({override}), parts);
  }
}

struct BadFile {
  std::string content;
  std::vector<std::string> parts;
};

TEST_F(Experiments, BadFilesAreNamedWithTheirLine) {
  const std::vector<BadFile> cases = {
      {"a = 1\nb = = 2\n", {"not valid TOML", "bad.toml:2"}},
      {"a = 1\na = 2\n", {"not valid TOML", "bad.toml:2"}},
      {"a = 1\nb = 1979-05-27\n", {"dates", "bad.toml:2", "quotes"}},
      {"\"a.b\" = 1\n", {"\"a.b\"", "dot", "bad.toml:1"}},
      {"defaults = \"base\"\n", {"no entry of a defaults list", "bad.toml:1"}},
      {"defaults = [\n  \"base\",\n  3]\n", {"no entry", "bad.toml:3", "got:      3", "_self_"}},
      {"defaults = [{a = \"b\", c = \"d\"}]\n", {"no entry", "{a = \"b\", c = \"d\"}"}},
      {"defaults = [\"_self_\", \"_self_\"]\n", {"no entry", "_self_"}},
      {"defaults = [\"bse\"]\n", {"no file 'bse.toml'", "bad.toml:1", "did you mean 'base'?"}},
      {"defaults = [{dataset = \"acdcc\"}]\n",
       {"unknown option 'acdcc' of group 'dataset'", "bad.toml:1", "did you mean 'acdc'?"}},
      {"defaults = [{datset = \"acdc\"}]\n",
       {"unknown group 'datset'", "bad.toml:1", "did you mean 'dataset'?"}},
      {"defaults = [\"bad\"]\n", {"in a circle: bad → bad", "bad.toml:1"}},
      {"a = \"${b}\"\nb = \"${a}\"\n", {"never ends: a → b → a", "bad.toml"}},
      {"a = 1\nb = \"x ${c.d}\"\n", {"not there: 'c.d'", "'b' at", "bad.toml:2"}},
      {"a = \"${b\"\n", {"'${' is not closed", "bad.toml:1"}},
      {"defaults = [\"base\", \"_self_\"]\nseed = {a = 1}\n",
       {"'seed' is a section in one place", "bad.toml:2", "base.toml:4"}},
  };
  for (const auto& [content, parts] : cases) {
    SCOPED_TRACE(content);
    write("bad", content);
    expect_contains(message({}, "bad"), parts);
  }
  expect_contains(message({}, "baze"),
                  {"no file 'baze.toml'", folder_.string(), "did you mean 'base'?"});
}

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
  expect_contains(message({}, "flip"), {"choose in a circle", "method"});
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

TEST(Config, ReadsLeaveDefaultsAndKeepWhatWasSaidAboutTheKey) {
  const Config config = parse_config("[a]\nrate = 1\n");
  double rate = 0.5;
  int64_t steps = 10;
  std::string mode = "poly";
  std::vector<double> spacing = {1, 2.5};
  const Config a = config.section("a");
  a.read("rate", rate, {0, 1}, "How fast.");
  a.read("steps", steps, {1, std::numeric_limits<double>::infinity()}, "How long.");
  a.read("mode", mode, {"poly", "step"}, "How.");
  a.read("spacing", spacing, {0, 10}, "In mm.");
  a.read("rate", rate, {0, 1}, "Again.");
  EXPECT_EQ(rate, 1);
  EXPECT_EQ(steps, 10);
  const std::vector<OptionRead> reads = config.reads();
  ASSERT_EQ(reads.size(), 4);
  EXPECT_EQ(reads[0].path, "a.rate");
  EXPECT_EQ(reads[0].type, "float");
  EXPECT_EQ(reads[0].default_value, "0.5");
  EXPECT_EQ(reads[0].allowed, "0 to 1");
  EXPECT_EQ(reads[0].doc, "How fast.");
  EXPECT_EQ(reads[1].allowed, "at least 1");
  EXPECT_EQ(reads[2].allowed, "poly, step");
  EXPECT_EQ(reads[2].default_value, "\"poly\"");
  EXPECT_EQ(reads[3].type, "list of float");
  EXPECT_EQ(reads[3].default_value, "[1.0, 2.5]");
}

TEST(Config, ListsAreReadElementByElement) {
  const Config config =
      parse_config("size = [96, 96, 80]\nspacing = [1, 2.5]\nnames = [\"a\"]\nnone = []\n");
  std::vector<int64_t> size, none = {1};
  std::vector<double> spacing;
  std::vector<std::string> names;
  config.read("size", size, {1, 512}, "");
  config.read("none", none, {1, 512}, "");
  config.read("spacing", spacing, {0, 10}, "");
  config.read("names", names, "");
  EXPECT_EQ(size, (std::vector<int64_t>{96, 96, 80}));
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(spacing, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(names, std::vector<std::string>{"a"});
}

TEST(Config, WrongValuesAreRefusedWithPlaceExpectationAndValue) {
  const Config config = parse_config(
      "whole = 3\nreal = 1.5\nword = \"stpe\"\nflag = 1\nlist = [1, \"a\"]\nnan = nan\n[section]\n",
      "f.toml");
  bool flag = false;
  int64_t whole = 0;
  double real = 0;
  std::string word;
  std::vector<int64_t> wholes;
  std::vector<std::string> words;
  const Range unit{0, 1};
  const struct {
    std::function<void()> read;
    std::vector<std::string> parts;
  } cases[] = {
      {[&] { config.read("real", whole, unit, ""); },
       {"'real' has the wrong type", "f.toml:2", "integer, 0 to 1", "1.5 (float)"}},
      {[&] { config.read("whole", whole, unit, ""); },
       {"'whole' is out of range", "f.toml:1", "0 to 1", "3 (integer)"}},
      {[&] { config.read("real", real, unit, ""); }, {"'real' is out of range", "f.toml:2"}},
      {[&] { config.read("nan", real, unit, ""); }, {"'nan' is out of range", "f.toml:6"}},
      {[&] { config.read("word", real, unit, ""); },
       {"'word' has the wrong type", "\"stpe\" (string)"}},
      {[&] { config.read("flag", flag, ""); },
       {"'flag' has the wrong type", "boolean", "f.toml:4"}},
      {[&] { config.read("whole", word, ""); }, {"'whole' has the wrong type", "string", "quotes"}},
      {[&] {
         config.read("word", word, {"poly", "step"}, "");
       },
       {"'word' is none of its choices", "poly, step", "did you mean 'step'?"}},
      {[&] {
         config.read("whole", wholes, {0, 9}, "");
       },
       {"'whole' has the wrong type", "list of integer", "brackets"}},
      {[&] {
         config.read("list", wholes, {0, 9}, "");
       },
       {"'list' has the wrong type", "[1, \"a\"] (list)", "f.toml:5"}},
      {[&] { config.read("list", words, ""); }, {"list of string"}},
      {[&] { config.read("section", word, ""); }, {"'section' has the wrong type", "section"}},
      {[&] { config.section("whole"); },
       {"'whole' is a value where a section belongs", "f.toml:1"}},
      {[&] { config.required("root", "Where the data lie."); },
       {"'root' is not set", "Where the data lie.", "root=…"}},
      {[&] { config.fail("whole", "whole must divide 4", "1, 2 or 4", "take 2"); },
       {"must divide", "f.toml:1", "1, 2 or 4", "got:      3", "take 2"}},
      {[&] { config.section("section").fail("x", "bad", "good"); }, {"'section.x' at its default"}},
      {[&] { parse_config("defaults = []\n", "f.toml"); }, {"no defaults list", "f.toml:1"}},
  };
  for (const auto& [read, parts] : cases) {
    SCOPED_TRACE(parts.front());
    expect_contains(message_of(read), parts);
  }
}

TEST(Config, AnAbsentSectionIsEmpty) {
  const Config config = parse_config("a = 1\n").section("b.c");
  int64_t value = 5;
  config.read("d", value, {0, 9}, "");
  EXPECT_EQ(value, 5);
  EXPECT_EQ(config.path(), "b.c");
  EXPECT_EQ(config.to_toml(), "");
  EXPECT_NO_THROW(config.check_all_read());
}

TEST(Config, HashIgnoresOrderEmptySectionsAndTheNamedPathsOnly) {
  const uint64_t hash = parse_config("a = 1\n[b]\nc = 2\nd = [1, {x = 1, y = 2}]\n").hash();
  EXPECT_EQ(parse_config("b.d = [1, {y = 2, x = 1}]\na = 1\nb.c = 2\n[e]\n").hash(), hash);
  EXPECT_NE(parse_config("a = 1\n[b]\nc = 3\nd = [1, {x = 1, y = 2}]\n").hash(), hash);
  EXPECT_EQ(
      parse_config("a = 1\n[b]\nc = 2\nd = [1, {x = 1, y = 2}]\n[run.x]\ny = 1\n").hash({"run"}),
      hash);
  EXPECT_NE(
      parse_config("a = 1\n[b]\nc = 2\nd = [1, {x = 1, y = 2}]\n[running]\ny = 1\n").hash({"run"}),
      hash);
}

TEST(Config, TextReadsBackToTheSameHash) {
  const Config config = parse_config(R"(
real = 1e-7
whole_real = 3.0
huge = 1e300
bound = -inf
text = "quote \" backslash \\ tab \t line \n bell \u0007 é"
escaped = '\${a} and \\\${b}'
"left ventricle" = 1
[empty]
[a.b.c]
list = [{x = 1, "y z" = [true]}, []]
[a]
last = true
)");
  for (const bool origins : {false, true}) {
    const Config again = parse_config(config.to_toml(origins));
    EXPECT_EQ(again.hash(), config.hash()) << config.to_toml(origins);
    EXPECT_EQ(again.to_toml(), config.to_toml());
  }
}

}  // namespace
}  // namespace semiseg
