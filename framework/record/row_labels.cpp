// SPDX-License-Identifier: Apache-2.0
#include "framework/record/row_labels.h"

#include <fmt/format.h>

#include <algorithm>

namespace semiseg {
namespace {

// The text of a TOML string without its quotes, any other value as it is.
std::string without_quotes(const std::string& value) {
  const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return is_quoted ? value.substr(1, value.size() - 2) : value;
}

// Returns the chosen option of a group, or `otherwise` where the run has recorded none.
std::string option_of(const ResultsRow& row, const char* group, const std::string& otherwise) {
  const auto found = row.choices.find(group);
  return found == row.choices.end() ? otherwise : found->second;
}

bool same_option(const ResultsRow& a, const ResultsRow& b, const char* group) {
  return option_of(a, group, "") == option_of(b, group, "");
}

// True when the value at this key of both rows may be compared.
bool are_comparable(const ResultsRow& a, const ResultsRow& b, const std::string& key) {
  if (b.choices.empty() || !a.same_section(b)) return false;
  if (key.starts_with("method.")) return same_option(a, b, "method");
  if (key.starts_with("backbone.")) return same_option(a, b, "backbone");
  return true;
}

// True when another row has something else at this key of `row`.
bool tells_apart(const ResultsRow& row, const std::string& key,
                 const std::vector<ResultsRow>& rows) {
  return std::any_of(rows.begin(), rows.end(), [&](const ResultsRow& other) {
    if (!are_comparable(row, other, key)) return false;
    const auto found = other.choices.find(key);
    return found == other.choices.end() || found->second != row.choices.at(key);
  });
}

// The method's and the backbone's column of one row.
struct Label {
  std::string method, backbone;
};

Label label_of(const ResultsRow& row, const std::vector<ResultsRow>& rows) {
  Label label{option_of(row, "method", row.method), option_of(row, "backbone", row.backbone)};
  for (const auto& [key, value] : row.choices) {
    if (key == "method" || key == "backbone" || !tells_apart(row, key, rows)) continue;
    const bool is_of_backbone = key.starts_with("backbone.");
    const bool has_own_column = is_of_backbone || key.starts_with("method.");
    const std::string name = has_own_column ? key.substr(key.find('.') + 1) : key;
    (is_of_backbone ? label.backbone : label.method) += fmt::format(" {}={}", name, value);
  }
  return label;
}

}  // namespace

std::map<std::string, std::string> chosen_by_hand(const RunSummary& summary) {
  std::map<std::string, std::string> chosen = summary.choices;
  for (const auto& [path, value] : summary.overridden) {
    if (path != "seed" && path != "labelled" && path != "labelled_draw")
      chosen[path] = without_quotes(value);
  }
  return chosen;
}

void label_rows(std::vector<ResultsRow>& rows) {
  std::vector<Label> labels;
  for (const ResultsRow& row : rows) labels.push_back(label_of(row, rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].method = std::move(labels[i].method);
    rows[i].backbone = std::move(labels[i].backbone);
  }
}

std::string choices_text(const ResultsRow& row) {
  std::string text;
  for (const auto& [key, value] : row.choices)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, value);
  return text;
}

}  // namespace semiseg
