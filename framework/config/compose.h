// SPDX-License-Identifier: Apache-2.0
// TOML files and overrides → one resolved configuration, with Hydra's habits: defaults lists,
// groups, packages.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/config/config.h"

namespace semiseg {

struct ComposeRequest {
  std::vector<std::filesystem::path> search;  // experiment folders, first match wins
  std::string name = "base";                  // file without .toml
  std::vector<std::string>
      overrides;  // Hydra's grammar: a.b=v +k=v ++k=v ~k group=option group@package=option
  // Values of ${now:…} and ${env:…}; given, so that all ranks see the same. `now` is seconds since
  // the epoch.
  int64_t now = 0;
  std::map<std::string, std::string> environment;
};

// Files. `defaults = ["base", {dataset = "acdc"}, {"dataset@source" = "la"}, "_self_"]` names what
// is merged, in this order, later over earlier; without "_self_" the file itself comes last. A
// group is a folder below a search path and its content goes to the section of its name (slashes as
// dots), or to the package after '@', or to the one that a head comment "# @package _global_" of
// the option names. {group = ""} skips. See defaults.h for nesting.
//
// Overrides, in order, choices of groups before values:
//   group=option, group@package=option, +group=option (append), ++group=option, ~group,
//   ~group=option
//   a.b=value    sets. A key that no file lists is accepted where its section exists, because
//                components have defaults in code (method.ema_decay need not stand in bcp.toml):
//                check_all_read() finds the misspelt ones, with the nearest key that was read.
//                Without the section it is an error, as in Hydra.
//   +a.b=value   adds, and it is an error when the key is there; ++a.b=value adds or sets
//   ~a.b         deletes; ~a.b=value only when the value is that one
// A bare number or boolean for a key that holds text becomes text (labelled=7 where the file says
// labelled = "all"). A section as value ({a: 1}) merges; a list replaces. Values: see grammar.h.
// Interpolations: see compose_steps.h.
//
// Throws kConfig with file and line (or the override itself) for anything that does not parse or
// resolve: unknown group or option with the nearest spelling, key whose section is not there (use
// +k=v), interpolation of a missing key, a cycle, and a comma list, which only `semiseg sweep`
// takes.
Config compose(const ComposeRequest& request);

// Composes many requests of one search path and reads each file once, as it is at that moment.
class Composer {
 public:
  explicit Composer(std::vector<std::filesystem::path> search);
  ~Composer();
  // As compose(); `search` of the request does not count.
  Config compose(const ComposeRequest& request);

 private:
  std::unique_ptr<class ExperimentFiles> files_;
};

// The same from TOML text in memory, without a defaults list and without environment; `origin` is
// what messages call it. For tests and for config.toml of a run.
Config parse_config(const std::string& toml, const std::string& origin = "text");

// Returns the text of `--info`: the groups with their options and the tree of defaults that the
// request picks.
std::string describe_groups(const ComposeRequest& request);

}  // namespace semiseg
