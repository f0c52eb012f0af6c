// SPDX-License-Identifier: Apache-2.0
// Overrides and files, good and bad: what each value becomes, and what each error says.
#include "tests/support/expect_error.h"
#include "tests/support/experiments.h"

namespace semiseg {
namespace {

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

std::string repeated(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

void expect_refused(const std::string& toml, const std::string& words) {
  expect_error(ErrorKind::kConfig, {"text:", words}, [&] { parse_config(toml, "text"); });
}

// Each of these ended the program by its stack or by its memory.
TEST(HostileToml, DepthAndSizeAreBounded) {
  expect_refused(repeated("a.", 20000) + "a = 1", "too many parts");
  expect_refused("[" + repeated("a.", 20000) + "a]", "too many parts");
  expect_refused("x = 1\ny = {" + repeated("a . ", 20000) + "a = 1}", "too many parts");
  expect_refused("[\"#\"" + repeated(".a", 20000) + "]", "too many parts");
  expect_refused("a = \"" + repeated("${", 20000) + repeated("}", 20000) + "\"",
                 "nested too deeply");
  std::string laughs = "a0 = \"0123456789\"\n", lists = "a0 = [1, 2, 3]\n", chain;
  for (int i = 1; i < 12; ++i) {
    const std::string before = "${a" + std::to_string(i - 1) + "}";
    const std::string name = "a" + std::to_string(i);
    laughs += name + " = \"" + repeated(before, 10) + "\"\n";
    lists += name + " = [" + repeated("\"" + before + "\", ", 10) + "]\n";
  }
  expect_refused(laughs, "too large");
  expect_refused(lists, "too large");
  for (int i = 0; i < 20000; ++i)
    chain += "k" + std::to_string(i) + " = \"${k" + std::to_string(i + 1) + "}\"\n";
  expect_refused(chain + "k20000 = 1\n", "too many keys refer");
}

TEST(HostileToml, WhatPeopleWriteIsRead) {
  parse_config("# " + repeated(".", 300) + "\na = \"1.2.3.4\"\n# " + repeated(". ", 300) + "\n",
               "text");
}

TEST_F(Experiments, BracketsOfAnOverrideAreNestedToABound) {
  expect_error(ErrorKind::kConfig, {"nested too deeply"},
               [&] { compose(request({"+x=" + repeated("[", 120000)})); });
  expect_error(ErrorKind::kConfig, {"nested too deeply"},
               [&] { compose(request({"+x=" + repeated("{a:", 120000)})); });
}

struct BadCase {
  std::string override;
  std::vector<std::string> parts;
};

TEST_F(Experiments, BadOverridesAreNamedWithTheRemedy) {
  const std::vector<BadCase> cases = {
      {"labelled=3,7", {"labelled=3,7", "semiseg sweep", "'3,7'", "[3,7]"}},
      {"method=bcp,ua_mt", {"method=bcp,ua_mt", "a sweep"}},
      {"seed=range(5)", {"seed=range(5)", "range", "semiseg sweep"}},
      {"seed=choice(1,2)", {"choice", "semiseg sweep"}},
      {"seed=f(1)", {"unexpected '('", "seed", "quotes"}},
      {"labelled", {"labelled", "no '='", "key=value"}},
      {"=3", {"no key"}},
      {"a..b=3", {"a..b", "no key"}},
      {"a b=3", {"'a b' is no key"}},
      {"run.dir=r\xe4", {"run.dir", "not text in UTF-8"}},
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
      {"+seed=1", {"'seed' exists already", "base.toml:4", "++"}},
      {"+optimiser={lr:1}", {"'optimiser.lr' exists already"}},
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
      {"defaults = \"base\"\n", {"not an entry of a defaults list", "bad.toml:1"}},
      {"defaults = [\n  \"base\",\n  3]\n",
       {"not an entry", "bad.toml:3", "got:      3", "_self_"}},
      {"defaults = [{a = \"b\", c = \"d\"}]\n", {"not an entry", "{a = \"b\", c = \"d\"}"}},
      {"defaults = [\"_self_\", \"_self_\"]\n", {"not an entry", "_self_"}},
      {"defaults = [\"bse\"]\n", {"no file 'bse.toml'", "bad.toml:1", "did you mean 'base'?"}},
      {"defaults = [{dataset = \"acdcc\"}]\n",
       {"unknown option 'acdcc' of group 'dataset'", "bad.toml:1", "did you mean 'acdc'?"}},
      {"defaults = [{datset = \"acdc\"}]\n",
       {"unknown group 'datset'", "bad.toml:1", "did you mean 'dataset'?"}},
      {"defaults = [\"bad\"]\n", {"in a cycle: bad → bad", "bad.toml:1"}},
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

}  // namespace
}  // namespace semiseg
