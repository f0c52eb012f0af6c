// SPDX-License-Identifier: Apache-2.0
// The HTML report as a reader meets it: in a browser, without a network, by keyboard.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <regex>

#include "framework/core/error.h"
#include "framework/metrics/metric_schema.h"
#include "tests/record/report_browser.h"
#include "tests/support/small_run.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

// A run with a memory to show, one that was selected on the test split, one that was stopped; one
// browser for all tests.
class Report : public SmallRuns {
 protected:
  static void SetUpTestSuite() {
    SmallRuns::SetUpTestSuite();
    trained_ = train("first",
                     "method=transmedseg method.domain_statistics=true method.n_min=1 "
                     "protocol.optimiser.learning_rate=0.1")
                       .exit_code == 0 &&
               train("second", "method=supervised seed=1 protocol.select=test").exit_code == 0 &&
               train("stopped", "method=supervised --stop-after 7").exit_code == 5;
    fs::create_directories(folder_ / "profile");
    browser_.emplace(folder_ / "profile");
  }
  static void TearDownTestSuite() {
    browser_.reset();
    SmallRuns::TearDownTestSuite();
  }
  void SetUp() override { ASSERT_TRUE(trained_); }

  static ProgramResult report(const std::string& arguments) {
    return run_program("report " + arguments, folder_.string());
  }
  // The page of these runs, made once.
  static fs::path page_of(const std::string& runs) {
    fs::path page = folder_ / (std::regex_replace(runs, std::regex(" "), "_") + ".html");
    if (!fs::exists(page)) {
      const ProgramResult result = report(runs + " --output " + page.string());
      EXPECT_EQ(result.exit_code, 0) << result.output;
    }
    return page;
  }
  // Nothing may go wrong in it, and nothing be loaded.
  static void open(const std::string& runs, int width, const std::string& scheme = "light") {
    browser_->open(page_of(runs), width, scheme);
    EXPECT_EQ(browser_->complaints(), std::vector<std::string>());
    EXPECT_EQ(browser_->requests(), std::vector<std::string>());
  }
  static std::string page_text() { return browser_->evaluate("document.body.innerText"); }
  static int64_t count(const std::string& selector) {
    return browser_->evaluate("document.querySelectorAll(`" + selector + "`).length");
  }
  // Plots without data: text and axes are grey, data has a colour.
  static int64_t empty_plots() {
    return browser_->evaluate(R"([...document.querySelectorAll("canvas")].filter((canvas) => {
      const { width, height } = canvas;
      const bytes = canvas.getContext("2d").getImageData(0, 0, width, height).data;
      let coloured = 0;
      for (let i = 0; i < bytes.length; i += 4) {
        const [red, green, blue, alpha] = bytes.slice(i, i + 4);
        coloured += alpha > 100 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60;
      }
      return coloured < 10;
    }).length)");
  }

  static inline bool trained_ = false;
  static inline std::optional<ReportBrowser> browser_;
};

TEST_F(Report, ShowsEveryPartOfAFinishedRun) {
  open("first", 1400);
  EXPECT_GE(count("#training canvas"), 2);
  EXPECT_EQ(count("#scores canvas"), 1);
  EXPECT_GE(count("#recorded canvas"), 3);
  EXPECT_EQ(empty_plots(), 0);
  EXPECT_EQ(count("#worst figure"), 2);  // the test split has one patient: two cases
  EXPECT_GE(count("#worst path.reference"), 1);
  const std::string text = page_text();
  for (const char* part : {"transmedseg", "n = ", "missed", "false positive", "selected on: val",
                           "method.name", "command line", "git revision", "pixels", "mean_distance",
                           "tsa.frechet.A_to_B", "2|P∩R|"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  const std::string footer = browser_->evaluate("document.querySelector('footer').textContent");
  EXPECT_NE(footer.find("License: Expat"), std::string::npos);
}

TEST_F(Report, IsOneFileThatAsksForNothing) {
  const std::string page = read_file(page_of("first"));
  EXPECT_LT(page.size(), 1'000'000U);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  const std::regex loads(
      R"re((src|href)\s*=\s*["']?(https?:|//)|url\(\s*["']?(https?:|//)|@import)re");
  EXPECT_FALSE(std::regex_search(page, loads));
}

TEST_F(Report, FitsAPhoneInTheDark) {
  open("first", 400, "dark");
  EXPECT_LE(browser_->evaluate("document.documentElement.scrollWidth").get<int>(), 400);
  EXPECT_EQ(browser_->evaluate("getComputedStyle(document.body).backgroundColor"),
            "rgb(20, 23, 26)");
  EXPECT_EQ(empty_plots(), 0);
}

// The numbers are those of the table: one row selected on val, one on test, one patient each.
TEST_F(Report, DrawsWhatTheDifferencesAreWorth) {
  for (const int width : {1400, 400}) {
    open("first second", width);
    EXPECT_GE(count("#statistics svg"), 2);
    EXPECT_GE(count("#statistics svg rect.heat"), 2);
    EXPECT_LE(browser_->evaluate("document.documentElement.scrollWidth").get<int>(), width);
  }
  const std::string text = browser_->evaluate("document.querySelector('#statistics').innerText");
  EXPECT_NE(text.find("selected on test"), std::string::npos) << text;
  EXPECT_NE(text.find("Dice [%] of each patient, 2 labelled"), std::string::npos) << text;
}

TEST_F(Report, TheSliderMovesThroughTheSlicesByKeys) {
  open("first", 1400);
  browser_->evaluate("document.querySelector('#worst input[type=range]').focus()");
  const auto place = [] {
    return browser_->evaluate("document.querySelector('#worst output').textContent")
        .get<std::string>();
  };
  const std::string middle = place();
  browser_->press("ArrowRight");
  EXPECT_NE(place(), middle);
  browser_->press("ArrowLeft");
  EXPECT_EQ(place(), middle);
  browser_->press("End");
  EXPECT_NE(browser_->evaluate("document.querySelector('#worst svg').ariaLabel")
                .get<std::string>()
                .find(place()),
            std::string::npos);
}

TEST_F(Report, TheTableOfCasesSortsByKeys) {
  open("first", 1400);
  browser_->evaluate(R"(
      cases = [...document.querySelectorAll("#scores .scroll")].at(-1);
      head = (name) => [...cases.querySelectorAll("th")].find((th) => th.innerText.startsWith(name));
      values = (name) => [...cases.querySelectorAll("tbody tr")].map(
          (row) => Number(row.cells[head(name).cellIndex].innerText.replace(",", "")));0)");
  const auto order = [](const std::string& name) {
    return browser_->evaluate("head('" + name + "').ariaSort").get<std::string>();
  };
  const auto voxels = [] {
    return browser_->evaluate("values('reference')").get<std::vector<double>>();
  };
  EXPECT_EQ(order("Dice"), "ascending");
  browser_->evaluate("head('volume error').querySelector('button').focus()");
  browser_->press("Tab");
  browser_->press("Enter");
  EXPECT_EQ(order("Dice"), "none");
  EXPECT_EQ(order("reference"), "ascending");
  EXPECT_EQ(voxels().size(), 6U);
  const std::vector<double> ascending = voxels();
  EXPECT_TRUE(std::is_sorted(ascending.begin(), ascending.end()));
  browser_->press("Enter");
  EXPECT_EQ(order("reference"), "descending");
  EXPECT_GT(voxels().front(), voxels().back());
  EXPECT_EQ(browser_->evaluate("getComputedStyle(document.activeElement).outlineStyle"), "solid");
}

TEST_F(Report, SeveralRunsStandSideBySideAndOneIsChosen) {
  open("first second stopped", 1400);
  EXPECT_EQ(count("#overview tbody tr"), 3);
  EXPECT_EQ(count("#comparison canvas"), 2);
  EXPECT_EQ(count("#choice option"), 3);
  EXPECT_NE(page_text().find("is not done (stopped: --stop-after)"), std::string::npos)
      << page_text();
  const auto folder = [] {
    return browser_->evaluate("document.querySelector('#provenance dd').textContent")
        .get<std::string>();
  };
  EXPECT_EQ(folder(), "stopped");  // by method, then by seed
  browser_->evaluate("document.querySelector('#choice select').focus()");
  browser_->press("ArrowDown");
  EXPECT_EQ(folder(), "second");
  browser_->press("ArrowDown");
  EXPECT_EQ(folder(), "first");
  EXPECT_EQ(empty_plots(), 0);
  EXPECT_EQ(browser_->complaints(), std::vector<std::string>());
}

TEST_F(Report, ARunThatIsNotDoneShowsWhatThereIs) {
  open("stopped", 1400);
  EXPECT_GE(count("#training canvas"), 1);
  EXPECT_EQ(count("#scores canvas"), 0);
  EXPECT_NE(page_text().find("Nothing is measured yet"), std::string::npos);
  EXPECT_EQ(empty_plots(), 0);
}

// The list of metrics comes with the data.
TEST_F(Report, ShowsEveryMetricOfTheSchema) {
  open("first second", 1400);
  for (const MetricField& field : shown_metrics()) {
    const std::string title = field.title;
    if (field.asked_as) {  // these runs did not ask for it
      EXPECT_EQ(page_text().find(title), std::string::npos) << title;
      continue;
    }
    for (const char* heads : {"#overview th", "#scores .scroll:last-of-type th"}) {
      EXPECT_GE(
          browser_->evaluate("[...document.querySelectorAll('" + std::string(heads) +
                             "')].filter((th) => th.innerText.startsWith('" + title + "')).length"),
          1)
          << heads << ' ' << title;
    }
    browser_->evaluate("list = document.querySelector('#scores select'); list.value = '" +
                       std::string(field.name) + "'; list.dispatchEvent(new Event('change'));0");
    EXPECT_TRUE(browser_->evaluate("document.querySelector('#scores caption').textContent")
                    .get<std::string>()
                    .starts_with(title))
        << title;
    EXPECT_NE(browser_->evaluate("document.querySelector('#definitions dl').textContent")
                  .get<std::string>()
                  .find(title),
              std::string::npos)
        << title;
  }
  EXPECT_EQ(empty_plots(), 0);
  EXPECT_EQ(browser_->complaints(), std::vector<std::string>());
}

TEST_F(Report, FlagsSelectionOnTheTestSplit) {
  open("second", 1400);
  EXPECT_NE(page_text().find("selected on the test split"), std::string::npos);
}

TEST_F(Report, ReplacesAnOlderReportAndNothingElse) {
  ASSERT_EQ(report("second").exit_code, 0);
  EXPECT_EQ(report("second").exit_code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "second/report.html"));
  write_file(folder_ / "mine.html", "<p>mine</p>");
  const ProgramResult refused = report("second --output mine.html");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.output.find("mine.html"), std::string::npos) << refused.output;
  EXPECT_EQ(read_file(folder_ / "mine.html"), "<p>mine</p>");
  EXPECT_EQ(report("second --output mine.html --force").exit_code, 0);
  EXPECT_NE(read_file(folder_ / "mine.html"), "<p>mine</p>");
}

TEST_F(Report, AFolderThatIsNoRunIsAnErrorOfUse) {
  fs::create_directories(folder_ / "nothing");
  for (const char* place : {"nothing", "missing", "first nothing"}) {
    const ProgramResult result = report(place);
    EXPECT_EQ(result.exit_code, 2) << place;
    EXPECT_NE(result.output.find("run"), std::string::npos) << result.output;
  }
  EXPECT_NE(report("nothing").output.find("state.json"), std::string::npos);
}

}  // namespace
}  // namespace semiseg
