// SPDX-License-Identifier: Apache-2.0
// The steps that turn a tree composed of files into the configuration: overrides of values in the
// order of the command line, then, when everything else is in place, ${…} → values.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "framework/config/grammar.h"
#include "framework/config/value.h"

namespace semiseg {

// Throws kConfig with the override's text: key or section not there (with the nearest spelling),
// already there (+key), different from what ~key=value expects, a section set to a value, null.
void apply_override(Value& root, const Override& change);

// ${a.b} is a path from the root; as a whole value it keeps the type (a section or list is copied),
// inside text, or where it replaces text, it becomes text. ${env:NAME,default} (also oc.env) is a
// number or boolean where it reads like one and is the whole value of a key that held no text.
// ${now:FORMAT} is strftime's, in UTC: hosts of one run may differ in their time zones. They nest.
// \${ is a plain "${". Throws kConfig with the file and line of the value for a missing key or
// variable, an unknown kind, a cycle.
void interpolate(Value& root, int64_t now, const std::map<std::string, std::string>& environment);

}  // namespace semiseg
