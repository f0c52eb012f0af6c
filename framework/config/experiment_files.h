// SPDX-License-Identifier: Apache-2.0
// The TOML files below the search path: a folder is a group, its files are the options.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "framework/config/value.h"

namespace semiseg {

// One line of a defaults list.
struct DefaultsEntry {
  enum class Kind { kSelf, kFile, kGroup };
  Kind kind = Kind::kSelf;
  std::string name;  // kFile: "base", "method/bcp"; kGroup: "method"; "/…" starts at the root
  std::optional<std::string> package;  // the text after '@'
  std::string option;                  // kGroup; empty: skip
  Origin origin;
};

struct ExperimentFile {
  std::string name;  // "method/bcp"
  std::filesystem::path path;
  std::string summary;                  // first comment line
  std::optional<std::string> package;   // of a comment line "# @package NAME" at the head
  std::string former;                   // option of a comment line "# @formerly NAME" there
  std::vector<DefaultsEntry> defaults;  // with kSelf, wherever it is
  Value content;                        // without the defaults
};

class ExperimentFiles {
 public:
  explicit ExperimentFiles(std::vector<std::filesystem::path> search);

  // Read once and kept; null when no folder has it. A former name finds the file that names it, and
  // the present name is said. kConfig when it does not parse or its defaults are malformed.
  const ExperimentFile* find(const std::string& name);

  // Returns the options in alphabetical order. The options of "" are the files at the top.
  std::vector<std::string> options(const std::string& group) const;
  std::vector<std::string> groups() const;
  bool is_group(const std::string& name) const;

  const std::vector<std::filesystem::path>& search() const { return search_; }

 private:
  const ExperimentFile* find_present(const std::string& name);
  const ExperimentFile* find_former(const std::string& name);

  std::vector<std::filesystem::path> search_;
  std::map<std::string, ExperimentFile> files_;
};

}  // namespace semiseg
