// SPDX-License-Identifier: Apache-2.0
// Finds the settings in which runs differ.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace semiseg {

// Returns the sections and keys outside the hash in the names of run folders of version 0.1, which
// knew no effects of options (Config::settings). Folders of that time are found and compared by it.
const std::vector<std::string>& sections_outside_old_names();

// Returns path → value, as text, of a TOML file without the `ignored` paths. Throws kConfig naming
// `origin` for a text that is not TOML.
std::map<std::string, std::string> settings_by_path(const std::string& toml,
                                                    const std::string& origin,
                                                    const std::vector<std::string>& ignored);

// Returns, like "method.weight: 1, 10; …", the keys whose values differ between these run folders,
// without the seed and the settings that change no result; at most six of them. Runs that lack
// their settings in summary.json are compared by config.toml. A folder whose files cannot be read
// is skipped.
std::string differing_settings(const std::vector<std::filesystem::path>& runs);

}  // namespace semiseg
