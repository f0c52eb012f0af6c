// SPDX-License-Identifier: Apache-2.0
// Tables of options as text for a terminal and as the page docs/options.md.
#pragma once

#include <string>

#include "launch/options/option_tables.h"

namespace semiseg {

// The table for a terminal: name, summary, and for each option its type, default, allowed values,
// whether it can change results, and its text.
std::string terminal_text(const OptionTable& table);

// All tables as one page of Markdown: docs/options.md, which a test compares with this.
std::string options_page();

}  // namespace semiseg
