// SPDX-License-Identifier: Apache-2.0
// semiseg info: every option of the program, and docs/options.md.
#include <gtest/gtest.h>

#include <algorithm>
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

TEST(Table, TheLedgerOfTheTreeIsFresh) {
  const ProgramResult ledger =
      run_program("table --ledger results/reference", source_folder().string());
  EXPECT_EQ(ledger.exit_code, 0);
  EXPECT_EQ(ledger.output, read_file(source_folder() / "results/ledger.md"))
      << "run: semiseg table --ledger results/reference > results/ledger.md";
}

int64_t count_lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

TEST(Sweep, ABenchmarkIsItsMethodsLabelsDrawsAndSeeds) {
  const auto runs = [](const std::string& more) {
    return run_program("sweep --dry-run +benchmark=cardiac_phantom run.root=none " + more,
                       source_folder().string());
  };
  const ProgramResult all = runs("");
  EXPECT_EQ(count_lines(all.output), 4 * 3 * 2 * 3) << all.output;
  EXPECT_NE(all.output.find("method=bcp labelled=7 labelled_draw=1 seed=2"), std::string::npos);
  EXPECT_EQ(count_lines(runs("seed=0,7 method=bcp").output), 3 * 2 * 2);
  const ProgramResult unknown =
      run_program("check +benchmark=cardiac_fantom", source_folder().string());
  EXPECT_EQ(unknown.exit_code, 2) << unknown.output;
  EXPECT_NE(unknown.output.find("no such benchmark"), std::string::npos) << unknown.output;
  EXPECT_NE(unknown.output.find("acdc_2d"), std::string::npos) << unknown.output;
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
