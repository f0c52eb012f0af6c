// SPDX-License-Identifier: Apache-2.0
// The page of all registered methods, docs/methods.md.
#pragma once

#include <string>

namespace semiseg {

// Returns Markdown: a row for each method with its family, paper, the networks that it needs for slices
// and volumes, and whether it is a base for transferable augmentation.
std::string methods_page();

}  // namespace semiseg
