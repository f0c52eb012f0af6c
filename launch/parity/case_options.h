// SPDX-License-Identifier: Apache-2.0
// The options of a parity case, which are the words of the references' scripts, as the project's
// configuration, and those of them that nothing understands.
#pragma once

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <vector>

#include "framework/nn/backbone.h"
#include "launch/parity/method_under_test.h"
#include "launch/parity/parity_case.h"

namespace semiseg {

// Returns a JSON value as TOML.
std::string toml_of(const nlohmann::json& value);

// Returns "key = value" lines of all options but these and those that are null; a list of lists
// becomes one list.
std::string toml_lines(const nlohmann::json& options, const std::set<std::string>& without);

// "nothing reads 'depth'", or empty: options that a component does not have, after it was made.
std::string unread_options(const Config& config);

// Throws kData for such options of a case, before their numbers are computed without them.
void check_options_are_read(const std::string& unread);

// The same for a network of this entry: its options and, for each of its options of dropout, the
// one probability `dropout`.
std::string with_dropout(const BackboneEntry& entry, const std::string& options,
                         const NetworkShape& shape, double dropout);

// In float64. Options that are no translation of the case's go to section [method] under their own
// names. NotKnown where the method or one of its networks is not registered.
MethodSetup setup_of(const ParityCase& parity);

// Returns the registered name of an architecture of a case, whose reference may call it otherwise.
std::string registered_network(const std::string& architecture);

// Returns the iteration of a step of the case as the method counts them: where the reference sets
// rates by epoch, its epoch.
int64_t iteration_of(const ParityCase& parity, int64_t step);

// Returns a sentence for each option of a case, once it has run, that no runner has asked for and
// that does not only describe the case, and for each that asks for something else than the one
// thing that is implemented. Cases of kind `backbone` and `method` are checked where their
// configuration is read.
std::vector<std::string> unknown_options(const ParityCase& parity);

}  // namespace semiseg
