// SPDX-License-Identifier: Apache-2.0
// Tests what a component reads from its section.
#include <limits>

#include "tests/support/experiments.h"

namespace semiseg {
namespace {

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
