// SPDX-License-Identifier: Apache-2.0
// CSV tables in general, and cases.csv.
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/files/csv.h"
#include "framework/files/text_lines.h"
#include "tests/record/case_rows.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

TEST(Csv, QuotesWhatNeedsIt) {
  const CsvTable table{{{"unit", "mm: really"}},
                       {{"a", "b"}, {"x,y", "say \"no\"\nor #1"}, {"", "plain"}}};
  const std::string text = to_csv(table);
  EXPECT_EQ(text, "# unit: mm: really\na,b\n\"x,y\",\"say \"\"no\"\"\nor #1\"\n,plain\n");
  const CsvTable back = parse_csv(text, "text");
  EXPECT_EQ(back.comments, table.comments);
  EXPECT_EQ(back.rows, table.rows);
}

TEST(Csv, ReadsTheFormOfASpreadsheet) {
  const CsvTable table = parse_csv("\xef\xbb\xbf# unit: mm\r\ncase,dice\r\na,0.5\r\n", "text");
  EXPECT_EQ(table.comments.at(0).second, "mm");
  EXPECT_EQ(table.rows, (std::vector<CsvRow>{{"case", "dice"}, {"a", "0.5"}}));
}

TEST(TextLines, Utf8IsToldFromOtherBytes) {
  for (const char* text : {"", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7f"})
    EXPECT_TRUE(is_utf8(text)) << text;
  // Latin-1, a lone and a missing continuation, longer forms than needed, a surrogate, above 10ffff.
  for (const char* text : {"r\xe4", "\x80", "\xc3", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf",
                           "\xf0\x80\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"})
    EXPECT_FALSE(is_utf8(text)) << text;
}

TEST(Csv, NamesTheLineOfADamagedRow) {
  EXPECT_EQ(data_error([] { parse_csv("a,b\n1,2\n3\n", "t.csv"); }).where, "t.csv:3");
  EXPECT_EQ(data_error([] { parse_csv("a,b\n1,\"2\n", "t.csv"); }).what, "a quote is not closed");
}

TEST(CasesCsv, StatesItsTermsBeforeTheRows) {
  EXPECT_TRUE(
      to_csv(some_cases())
          .starts_with(
              "# definition: medpy\n# unit: mm\n# tolerance: 1\n# empty policy: exclude\n"
              "# split: test\n# selection split: "
              "val\ncase,patient,centre,label,class,dice,jaccard,hd95,asd,hd,assd,"
              "prediction_voxels,reference_voxels,overlap_voxels,empty,surface_dice,volume_error\n"
              "c1,\"p, c1\",,1,left,0.72727272727272729,"));
  EXPECT_NE(to_csv(some_cases()).find("c1,\"p, c1\",,2,right,0,0,,,,,0,6,0,missed,0,-1\n"),
            std::string::npos);
}

TEST(CasesCsv, SurvivesARoundTripToTheBit) {
  const TemporaryFolder folder;
  write_cases(folder / "cases.csv", some_cases());
  const CasesTable back = read_cases(folder / "cases.csv");
  EXPECT_EQ(back.terms, some_cases().terms);
  ASSERT_EQ(back.rows.size(), 4);
  EXPECT_EQ(back.rows[0].metrics.asd, 1.0 / 3);
  EXPECT_EQ(back.rows[0].metrics.dice, 8.0 / 11);
  EXPECT_TRUE(back.rows[1].metrics.missed());
  EXPECT_TRUE(std::isnan(back.rows[1].metrics.hd95));
  EXPECT_EQ(to_csv(back), to_csv(some_cases()));
}

TEST(CasesCsv, ReadsFilesFromBeforeTheSurfaceDice) {
  const TemporaryFolder folder;
  write_file(folder / "cases.csv",
             "# definition: medpy\n# unit: mm\n# empty policy: exclude\n"
             "case,patient,centre,label,class,dice,jaccard,hd95,asd,hd,assd,"
             "prediction_voxels,reference_voxels,overlap_voxels,empty\n"
             "c1,p1,,1,left,0.5,0.25,3,1,4,2,5,7,3,\n");
  const CasesTable table = read_cases(folder / "cases.csv");
  EXPECT_EQ(table.terms.tolerance, "1");
  ASSERT_EQ(table.rows.size(), 1);
  EXPECT_EQ(table.rows[0].metrics.assd, 2);
  EXPECT_TRUE(std::isnan(table.rows[0].metrics.surface_dice));
  EXPECT_TRUE(std::isnan(table.rows[0].metrics.volume_error));
}

TEST(CasesCsv, RefusesATableOfSomethingElse) {
  const TemporaryFolder folder;
  write_file(folder / "cases.csv", "a,b\n1,2\n");
  EXPECT_EQ(data_error([&] { read_cases(folder / "cases.csv"); }).where, folder / "cases.csv");
}

}  // namespace
}  // namespace semiseg
