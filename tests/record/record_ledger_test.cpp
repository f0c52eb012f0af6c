// SPDX-License-Identifier: Apache-2.0
// The ledger of reproductions on planted runs.
#include "framework/record/published/reproduction_ledger.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/record/planted_runs.h"

namespace semiseg {
namespace {

// Takes 0.1 from every Dice, for cases_last.csv.
void plant_last(const FoundRun& run) {
  CasesTable cases = read_cases(run.folder / "cases.csv");
  for (EvaluationRow& row : cases.rows) row.metrics.dice -= 0.1;
  cases.terms.selection = "last";
  write_cases(run.folder / "cases_last.csv", cases);
}

class Ledger : public PlantedRuns {
 protected:
  // Three runs of bcp that select on val, and two in the strict budget that are 0.05 worse.
  std::string text(const std::vector<PublishedResult>& published) {
    std::vector<FoundRun> runs = three("bcp", 0.1);
    for (const FoundRun& run : runs) plant_last(run);
    for (const int64_t seed : {0, 1}) {
      FoundRun run = plant({"bcp", seed, 0.05});
      run.summary->overridden["budget"] = "\"strict\"";
      runs.push_back(run);
    }
    table_ = make_statistics_table(runs);
    return reproduction_ledger(table_, published,
                               [](const std::string& method) { return method != "abd"; });
  }

  static PublishedResult published(const std::string& method, const std::string& dataset,
                                   const std::string& selection = "") {
    return {.method = method,
            .dataset = dataset,
            .labelled = 3,
            .values = {{"dice", 90}},
            .selection = selection,
            .protocol = "theirs",
            .source = "a paper"};
  }

  StatisticsTable table_;
};

void expect_in(const std::string& words, const std::string& text) {
  EXPECT_NE(text.find(words), std::string::npos) << words << "\nis not in\n" << text;
}

TEST_F(Ledger, HasTheGapAndItsParts) {
  const std::string all = text({published("bcp", "phantom", "val")});
  ASSERT_EQ(table_.results.rows.size(), 2);
  const auto& rows = table_.main().rows;
  const size_t ours = rows[0].runs.size() == 3 ? 0 : 1;
  const double mean = 100 * rows[ours].mean, strict = 100 * rows[1 - ours].mean;
  EXPECT_NEAR(mean - strict, 5, 0.1);  // seeds differ a little
  expect_in(fmt::format("| 3 | bcp | 90.00 | val | theirs | {:.2f} ± ", mean), all);
  expect_in(fmt::format(" | {:+.2f} | +10.00 | {:+.2f} | ", 90 - mean, mean - strict), all);
  expect_in(" (3) | a paper |", all);
}

TEST_F(Ledger, SaysWhatIsNotThere) {
  const std::string all = text({published("bcp", "phantom", "test"), published("dan", "phantom"),
                                published("bcp", "acdc"), published("abd", "acdc")});
  const double strict = 100 * std::min(table_.main().rows[0].mean, table_.main().rows[1].mean);
  // No run selects on test, but the strict one is there whatever the publication selects on.
  expect_in(fmt::format("| 3 | bcp | 90.00 | test | theirs | not run | {:.2f} ± ", strict), all);
  expect_in("| 3 | dan | 90.00 | unknown | theirs | not run | not run | – | – | – | – | a paper |",
            all);
  expect_in("## acdc", all);
  expect_in("| data not here | data not here | – | – | – | – |", all);
  expect_in("Not methods of this program: abd.", all);
}

}  // namespace
}  // namespace semiseg
