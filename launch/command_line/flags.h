// SPDX-License-Identifier: Apache-2.0
// The flags of a verb, parsed by CLI11, which stays out of the header: it costs eight seconds of
// compilation in each file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/verbs.h"

namespace CLI {
class App;
}

namespace semiseg {

// Values: std::string, std::filesystem::path, bool (a switch), int64_t (not negative), one that may
// be absent, double, and vectors of them (options: with commas between, or given several times). A
// name with dashes is an option, one without is positional; a value that is not empty is shown by
// --help as the default. A path that begins with ~/ is one in the home folder.
class Flags {
 public:
  Flags(const std::string& verb, const std::string& description, const std::string& examples);
  ~Flags();

  // `value` is written by parse() and must outlive it.
  template <typename Value>
  void add(const std::string& names, Value& value, const std::string& help);
  // Adds a required flag; parse() fails without it.
  template <typename Value>
  void require(const std::string& names, Value& value, const std::string& help);

  // Adds a flag whose value is one of `members`.
  void choose(const std::string& names, std::string& value, const std::vector<std::string>& members,
              const std::string& help);

  // Returns an exit code when there is nothing left to do (--help). Throws kConfig for flags that
  // do not parse.
  std::optional<int> parse(const Arguments& arguments);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace semiseg
