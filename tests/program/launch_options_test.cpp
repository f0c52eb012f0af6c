// SPDX-License-Identifier: Apache-2.0
// semiseg info: every option of the program, and docs/options.md.
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "framework/core/files.h"
#include "framework/data/dataset.h"
#include "framework/methods/method.h"
#include "tests/support/places.h"
#include "tests/support/program.h"

namespace semiseg {
namespace {

std::string info(const std::string& arguments) {
  const ProgramResult result = run_program("info " + arguments, testing::TempDir());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  return result.output;
}

TEST(Info, ThePageOfOptionsIsFresh) {
  EXPECT_EQ(info("--markdown"), read_file(source_folder() / "docs/options.md"))
      << "run: semiseg info --markdown > docs/options.md";
  EXPECT_EQ(info("--methods-markdown"), read_file(source_folder() / "docs/methods.md"))
      << "run: semiseg info --methods-markdown > docs/methods.md";
}

TEST(Info, EveryPluginHasItsOptions) {
  std::set<std::string> names;
  for (const auto& some : {MethodRegistry::instance().names(), BackboneRegistry::instance().names(),
                           DatasetRegistry::instance().names()})
    names.insert(some.begin(), some.end());
  const std::string list = info(""), page = info("--markdown");
  for (const std::string& name : names) {
    EXPECT_NE(list.find(name), std::string::npos) << name;
    EXPECT_NE(page.find("### `" + name + "`"), std::string::npos) << name;
  }
  EXPECT_NE(info("transmedseg").find("method.lambda0"), std::string::npos);
  EXPECT_NE(info("numpy_pairs").find("dataset.intensity.clip"), std::string::npos);
  EXPECT_NE(info("protocol.optimiser").find("protocol.optimiser.nesterov"), std::string::npos);
}

TEST(Info, TheListNamesTheOptionsOfEverySection) {
  const std::string list = info("");
  for (const char* option : {"labelled", "patience", "keep_checkpoints", "empty", "cache_mb"})
    EXPECT_NE(list.find(option), std::string::npos) << option;
}

TEST(Info, AFormerNameIsThatOfThePresentOne) {
  EXPECT_TRUE(info("phantom").starts_with("cardiac_phantom (data set)")) << info("phantom");
}

TEST(Info, EveryOptionHasASentence) {
  std::istringstream lines(info("--markdown"));
  std::string line, last;
  while (std::getline(lines, line)) {
    if (line.empty() && last.starts_with("  ")) {
      EXPECT_TRUE(last.ends_with('.')) << last;
    }
    last = line;
  }
}

TEST(Info, AnUnknownNameIsRefusedWithTheNearestOne) {
  const ProgramResult result = run_program("info transmedsegg", testing::TempDir());
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.output.find("did you mean 'transmedseg'?"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace semiseg
