// SPDX-License-Identifier: Apache-2.0
// The grammar of sweeps: which points an argument means.
#include "cluster/sweep/axes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/support/expect_error.h"

namespace semiseg::cluster {
namespace {

// The overrides of every point, one line each.
std::vector<std::string> lines(const std::vector<std::string>& arguments, bool only_swept = false) {
  const auto axes = parse_axes(arguments);
  std::vector<std::string> result;
  for (const auto& point : all_points(axes))
    result.push_back(fmt::format("{}", fmt::join(overrides_of(axes, point, only_swept), " ")));
  return result;
}

using Lines = std::vector<std::string>;

TEST(Axes, TheFirstArgumentIsTheSlowest) {
  EXPECT_EQ(lines({"method=bcp,cps", "device=cpu", "seed=0,1"}),
            Lines({"method=bcp device=cpu seed=0", "method=bcp device=cpu seed=1",
                   "method=cps device=cpu seed=0", "method=cps device=cpu seed=1"}));
  EXPECT_EQ(lines({"method=bcp,cps", "device=cpu"}, /*only_swept=*/true),
            Lines({"method=bcp", "method=cps"}));
}

TEST(Axes, WithoutASweepItIsOnePointAsTyped) {
  EXPECT_EQ(lines({"a='x, y'", "~b", "+c.d= 3", "e="}), Lines({"a='x, y' ~b +c.d= 3 e="}));
  EXPECT_EQ(lines({}), Lines({""}));
}

TEST(Axes, CommasInQuotesAndBracketsBelongToTheValue) {
  EXPECT_EQ(lines({"a=[1,2],[3,4]"}), Lines({"a=[1,2]", "a=[3,4]"}));
  EXPECT_EQ(lines({"a=[1,2]"}), Lines({"a=[1,2]"}));
  EXPECT_EQ(lines({"a='x,y',z"}), Lines({"a='x,y'", "a=z"}));
  EXPECT_EQ(lines({"a={b: 1, c: 2},{b: 3}"}), Lines({"a={b: 1, c: 2}", "a={b: 3}"}));
  EXPECT_EQ(lines({"a=${env:X,1},2"}), Lines({"a=${env:X,1}", "a=2"}));
  EXPECT_EQ(lines({"a=it's,b"}), Lines({"a=it's", "a=b"}));
  EXPECT_EQ(lines({"a=x\\,y,z"}), Lines({"a=x\\,y", "a=z"}));
}

TEST(Axes, ARangeExcludesItsStop) {
  EXPECT_EQ(lines({"s=range(3)"}), Lines({"s=0", "s=1", "s=2"}));
  EXPECT_EQ(lines({"s=range(1,3)"}), Lines({"s=1", "s=2"}));
  EXPECT_EQ(lines({"s=range(4,0,-2)"}), Lines({"s=4", "s=2"}));
  EXPECT_EQ(lines({"s=range(0.1,0.4,0.1)"}), Lines({"s=0.1", "s=0.2", "s=0.3"}));
  EXPECT_EQ(lines({"+s=7,range(0,2)"}), Lines({"+s=7", "+s=0", "+s=1"}));
}

TEST(Axes, AZipSetsItsKeysInStep) {
  EXPECT_EQ(
      lines({"zip(a=[1,[2,3]],+b.c=[x,y])", "s=0,1"}),
      Lines({"a=1 +b.c=x s=0", "a=1 +b.c=x s=1", "a=[2,3] +b.c=y s=0", "a=[2,3] +b.c=y s=1"}));
  EXPECT_EQ(lines({"zip(a=[x,y],s=range(0,2))"}), Lines({"a=x s=0", "a=y s=1"}));
  EXPECT_EQ(parse_axes({"zip(a=[1,2],+b.c=[x,y])"})[0].keys, Lines({"a", "b.c"}));
}

TEST(Axes, WrongSweepsAreNamed) {
  const auto fails = [](const std::string& argument, const std::vector<std::string>& words) {
    expect_error(ErrorKind::kConfig, words, [&] { all_points(parse_axes({argument})); });
  };
  fails("a=1,,2", {"a=1,,2", "empty"});
  fails("a=1,", {"empty"});
  fails("s=range(0)", {"0 values", "not included"});
  fails("s=range(0,3,0)", {"0 values"});
  fails("s=range(0,x)", {"'x' is no number"});
  fails("s=range(1,2,3,4)", {"too many numbers"});
  fails("s=range(1e9)", {"1 to 100000"});
  fails("zip(a=[1,2],b=[x])", {"differ in their length", "'b' has 1"});
  fails("zip(a=1,b=2)", {"'a' of zip", "a=[1,2]"});
  fails("zip(a)", {"no '='"});
  expect_error(ErrorKind::kConfig, {"too many points", "1000000"}, [] {
    all_points(parse_axes({"a=range(1000)", "b=range(1000)"}));
  });
}

}  // namespace
}  // namespace semiseg::cluster
