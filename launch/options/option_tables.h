// SPDX-License-Identifier: Apache-2.0
// All options of the program, in tables: one for each section and each plug-in. The readers are run
// on an empty configuration to list them; neither data nor networks are made.
#pragma once

#include <string>
#include <vector>

#include "framework/config/config.h"

namespace semiseg {

// One option. Where a default or the allowed values depend on another setting, the text names both:
// "0.25 (slices), 0.12 (volumes)".
struct ListedOption {
  OptionRead read;
  std::string only;  // the setting that it exists with; empty: with any
};

struct OptionTable {
  std::string name;     // of the section or the plug-in, as it is typed
  std::string kind;     // "section", "method", "backbone", "data set", "launcher"
  std::string summary;  // sentences, without the name
  std::vector<ListedOption> options;
};

// Returns the sections that every run has, without plug-ins, in the order of the data flow.
std::vector<OptionTable> section_tables();

// Return the plug-ins of one kind, by name.
std::vector<OptionTable> setting_tables();
std::vector<OptionTable> transform_tables();
std::vector<OptionTable> dataset_tables();
std::vector<OptionTable> backbone_tables();
std::vector<OptionTable> method_tables();
// Sections [sweep] and, for each launcher, [cluster], which are no part of a run.
std::vector<OptionTable> sweep_tables();
std::vector<OptionTable> launcher_tables();

// Returns whether the option can change results: "yes", "no", or "no, only how they are measured".
std::string effect_text(Effect effect);

// The table for a terminal: name, summary, and for each option its type, default, allowed values,
// whether it can change results, and its text.
std::string terminal_text(const OptionTable& table);

// The table in a list: its name, its summary and the names of its options.
std::string list_text(const OptionTable& table);

// All tables as one page of Markdown: docs/options.md, which a test compares with this.
std::string options_page();

}  // namespace semiseg
