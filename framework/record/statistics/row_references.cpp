// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/row_references.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

#include "framework/core/error.h"
#include "framework/core/own_file.h"
#include "framework/methods/method.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/run/run_settings.h"

namespace semiseg {
namespace {

bool has_name(const ResultsRow& row, const std::string& name) {
  return row.method == name || row.method + " " + row.backbone == name;
}

const std::string& registered_method(const ResultsRow& row) {
  return row.runs.front().summary->method;
}

// Returns the setting method.base of the row's first run; empty where the method has none.
std::string base_of(const ResultsRow& row) {
  const auto file = row.runs.front().folder / kRunConfigFile;
  try {
    const auto settings = settings_by_path(read_own_file(file), file.string(), {});
    const auto found = settings.find("method.base");
    if (found == settings.end() || found->second.size() < 2) return "";
    return found->second.substr(1, found->second.size() - 2);
  } catch (const Error&) {
    return "";  // without its configuration the row has no base to be compared with
  }
}

template <class Accepts>
std::optional<size_t> first_other(const std::vector<ResultsRow>& rows, size_t row,
                                  Accepts accepts) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (may_compare(rows[row], rows[i]) && accepts(rows[i])) {
      if (i == row) return std::nullopt;  // it is the reference itself
      return i;
    }
  }
  return std::nullopt;
}

void check_named(const std::vector<ResultsRow>& rows, const std::string& against) {
  std::set<std::string> names;
  for (const ResultsRow& row : rows) {
    if (has_name(row, against)) return;
    names.insert(row.method);
  }
  throw Error(ErrorKind::kConfig, {.what = "no row of the table has this name",
                                   .where = "--against",
                                   .expected = fmt::format("{}", fmt::join(names, ", ")),
                                   .got = against});
}

}  // namespace

bool may_compare(const ResultsRow& a, const ResultsRow& b) {
  const auto budget = [](const ResultsRow& row) {
    const auto& chosen = row.runs.front().summary->overridden;
    const auto found = chosen.find("budget");
    return found == chosen.end() ? "" : found->second;
  };
  return a.same_section(b) && a.labelled == b.labelled && budget(a) == budget(b) &&
         a.terms.selected_on_test() == b.terms.selected_on_test();
}

bool is_supervised(const ResultsRow& row) {
  const std::vector<std::string> names = MethodRegistry::instance().names();
  const std::string& method = registered_method(row);
  return std::find(names.begin(), names.end(), method) != names.end() &&
         MethodRegistry::instance().find(method).family == "supervised";
}

std::vector<std::vector<size_t>> references_of(const std::vector<ResultsRow>& rows,
                                               const std::string& against) {
  if (!against.empty()) check_named(rows, against);
  std::vector<std::vector<size_t>> references(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto add = [&](std::optional<size_t> row) {
      const bool is_new =
          row && std::find(references[i].begin(), references[i].end(), *row) == references[i].end();
      if (is_new) references[i].push_back(*row);
    };
    if (!against.empty()) {
      add(first_other(rows, i, [&](const ResultsRow& row) { return has_name(row, against); }));
      continue;
    }
    add(first_other(rows, i, is_supervised));
    const std::string base = base_of(rows[i]);
    if (!base.empty()) {
      add(first_other(rows, i,
                      [&](const ResultsRow& row) { return registered_method(row) == base; }));
    }
  }
  return references;
}

}  // namespace semiseg
