// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/sweep_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "cluster/sweep/status_text.h"
#include "framework/record/report/report.h"
#include "framework/record/tables/results_table.h"

namespace semiseg::cluster {
namespace {

constexpr size_t kMostShown = 40;

constexpr const char* kStyle = R"(<style>
.sweep th, .sweep td { padding: 0.25rem 0.75rem; text-align: center; font-variant-numeric: tabular-nums; white-space: nowrap; }
.sweep .row { position: sticky; left: 0; min-width: 14rem; text-align: left; white-space: normal;
  overflow-wrap: anywhere; background: var(--paper); }
.sweep .done { border-left: 3px solid var(--series-3); }
.sweep .running { border-left: 3px solid var(--series-1); }
.sweep .bad { border-left: 3px solid var(--warning); color: var(--warning); }
.sweep .waiting { color: var(--quiet); }
.sweep-failures { padding-left: 2rem; }
.sweep-grid { overflow: auto; max-height: 80vh; }
</style>
)";

struct Row {
  std::map<std::string, std::vector<size_t>> points;  // by column
};

// The rows in the order of the points, and the columns.
struct Grid {
  std::vector<std::pair<std::string, Row>> rows;
  std::vector<std::string> columns;
};

bool is_seed(const Axis& axis) { return axis.keys == std::vector<std::string>{"seed"}; }

Grid grid_of(const Definition& definition) {
  Grid grid;
  std::map<std::string, size_t> known;
  for (size_t i = 0; i < definition.points.size(); ++i) {
    const Point& point = definition.points[i];
    std::vector<std::string> row, column;
    for (size_t a = 0; a < definition.axes.size(); ++a) {
      const Axis& axis = definition.axes[a];
      if (!axis.is_swept()) continue;
      const auto& choice = axis.choices[static_cast<size_t>(point.choices[a])];
      auto& part = is_seed(axis) ? column : row;
      part.insert(part.end(), choice.begin(), choice.end());
    }
    const std::string name = fmt::format("{}", fmt::join(row, " "));
    const std::string seed = column.empty() ? "run" : column.front();
    const auto [entry, is_new] = known.emplace(name, grid.rows.size());
    if (is_new) grid.rows.push_back({name, {}});
    grid.rows[entry->second].second.points[seed].push_back(i);
    if (std::find(grid.columns.begin(), grid.columns.end(), seed) == grid.columns.end())
      grid.columns.push_back(seed);
  }
  return grid;
}

std::string class_of(TaskState state) {
  switch (state) {
    case TaskState::kDone:
      return "done";
    case TaskState::kRunning:
      return "running";
    case TaskState::kPending:
    case TaskState::kCancelled:
    case TaskState::kStopped:
    case TaskState::kPreempted:
      return "waiting";
    default:
      return "bad";
  }
}

std::string cell(const Point& point, const PointState& one) {
  const std::string text =
      one.score ? fmt::format("{:.1f}", 100 * *one.score) : std::string(to_string(one.state));
  const std::string title =
      fmt::format("{}: {}{}{}", point.folder.filename().string(), to_string(one.state),
                  one.detail.empty() ? "" : ", ", one.detail);
  return fmt::format("<span class=\"{}\" title=\"{}\">&nbsp;{}</span>", class_of(one.state),
                     html_text(title), html_text(text));
}

// "87.1 ± 0.4" of the runs that are done.
std::string mean_cell(const Row& row, const std::vector<PointState>& states) {
  std::vector<double> scores;
  for (const auto& [column, points] : row.points) {
    for (const size_t i : points) {
      if (states[i].score) scores.push_back(100 * *states[i].score);
    }
  }
  const SeedStatistics s = seed_statistics(scores);
  if (s.n == 0) return "";
  return s.n == 1 ? fmt::format("{:.1f}", s.mean)
                  : fmt::format("{:.1f} ± {:.1f}", s.mean, s.deviation);
}

std::string row_html(const Definition& definition, const std::vector<PointState>& states,
                     const Grid& grid, const std::pair<std::string, Row>& row) {
  std::string html = fmt::format("<tr><td class=\"row\">{}</td>", html_text(row.first));
  for (const std::string& column : grid.columns) {
    html += "<td>";
    const auto points = row.second.points.find(column);
    if (points != row.second.points.end()) {
      for (const size_t i : points->second) html += cell(definition.points[i], states[i]);
    }
    html += "</td>";
  }
  return html + fmt::format("<td>{}</td></tr>\n", mean_cell(row.second, states));
}

}  // namespace

std::string sweep_section(const Definition& definition, const std::vector<PointState>& states) {
  const Grid grid = grid_of(definition);
  std::string html = kStyle;
  html +=
      "<section id=\"sweep\" aria-labelledby=\"sweep-title\">\n<h2 id=\"sweep-title\">Sweep</h2>\n";
  html += fmt::format(
      "<p>{}. A cell is the mean Dice in percent of a run that is done, else its "
      "state.</p>\n",
      html_text(counts_text(states)));
  for (const StepCost& cost : definition.costs)
    html += fmt::format("<p>{}</p>\n", html_text(budget_line(definition.budget, cost)));
  html +=
      "<div class=\"sweep-grid\"><table class=\"sweep\"><thead><tr><th class=\"row\">settings</th>";
  for (const std::string& column : grid.columns)
    html += fmt::format("<th>{}</th>", html_text(column));
  html += "<th>mean ± deviation</th></tr></thead><tbody>\n";
  for (const auto& row : grid.rows) html += row_html(definition, states, grid, row);
  html += "</tbody></table></div>\n";
  std::string failures;
  for (const std::string& line : failure_lines(definition, states))
    failures += fmt::format("<li>{}</li>\n", html_text(line));
  if (!failures.empty()) html += "<ul class=\"warning sweep-failures\">\n" + failures + "</ul>\n";
  if (definition.points.size() > kMostShown)
    html += fmt::format(
        "<p class=\"note\">Curves and scores below are those of the {} runs with the "
        "highest Dice.</p>\n",
        kMostShown);
  return html + "</section>\n";
}

std::vector<FoundRun> shown_runs(const std::vector<FoundRun>& runs) {
  std::vector<FoundRun> started;
  for (const FoundRun& run : runs) {
    if (run.summary || std::filesystem::exists(run.folder)) started.push_back(run);
  }
  if (started.size() <= kMostShown) return started;
  std::stable_sort(started.begin(), started.end(), [](const FoundRun& a, const FoundRun& b) {
    const auto score = [](const FoundRun& run) {
      const double dice = run.summary ? run.summary->metrics.overall.dice.mean : -1;
      return std::isnan(dice) ? -1 : dice;
    };
    return score(a) > score(b);
  });
  started.resize(kMostShown);
  return started;
}

}  // namespace semiseg::cluster
