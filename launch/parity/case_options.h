// SPDX-License-Identifier: Apache-2.0
// The options of a parity case as the project's configuration.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "framework/nn/backbone.h"

namespace semiseg {

// Returns a JSON value as TOML.
std::string toml_of(const nlohmann::json& value);

// Returns "key = value" lines of all options but these and those that are null.
std::string toml_lines(const nlohmann::json& options, const std::set<std::string>& without);

// "nothing reads 'depth'", or empty: options that a component does not have, after it was made.
std::string unread_options(const Config& config);

// Throws kData for such options of a case, before their numbers are computed without them.
void check_options_are_read(const std::string& unread);

// The same for a network of this entry: its options and, for each of its options of dropout, the
// one probability `dropout`.
std::string with_dropout(const BackboneEntry& entry, const std::string& options,
                         const NetworkShape& shape, double dropout);

}  // namespace semiseg
