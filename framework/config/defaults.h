// SPDX-License-Identifier: Apache-2.0
// Defaults lists + choices on the command line → the tree of files in the order in which they are
// merged.
#pragma once

#include <string>
#include <vector>

#include "framework/config/experiment_files.h"
#include "framework/config/grammar.h"

namespace semiseg {

struct DefaultsNode {
  std::string choice;  // "method" or "dataset@source" when it was chosen, else empty
  const ExperimentFile* file = nullptr;  // null: this group is skipped
  std::string package;                   // dotted section where the content goes; "" is the root
  bool is_self = false;                  // the content of the parent is merged here
  std::vector<DefaultsNode> children;
};

struct DefaultsTree {
  DefaultsNode root;
  std::vector<std::string> choices;  // keys of all groups in it
};

// Rules beyond Hydra's: when a group (at one package) is listed more than once, the later option
// takes the place of the first, so that a file may extend "base" and choose differently; the
// command line beats both. Names are relative to the folder of the file that lists them and "/name"
// starts at the root; the entries of the top file always do. A name that starts with '/' also puts
// its package at the root. Throws kConfig for an unknown file, group or option (with the nearest
// spelling), a cycle, and a choice for a group that is not listed.
DefaultsTree build_defaults(ExperimentFiles& files, const std::string& name,
                            const std::vector<Override>& choices);

}  // namespace semiseg
