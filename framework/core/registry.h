// SPDX-License-Identifier: Apache-2.0
// A registry maps names to plug-ins. A plug-in file registers itself with one line; only the list
// of sources has to name it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/nearest.h"

namespace semiseg {

// Entry has the members `name` (std::string, the file's stem) and `summary` (one line for `semiseg
// info`), and a static function `kind()` that says what it is ("method").
template <class Entry>
class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  // Throws kInternal when the name is taken: two plug-ins of one name are a build error.
  bool add(Entry entry) {
    const std::string name = entry.name;
    SEMISEG_CHECK(!entries_.contains(name),
                  std::string(Entry::kind()) + " registered twice: " + name);
    entries_.emplace(name, std::move(entry));
    return true;
  }

  // Throws kConfig with the nearest spelling when there is no such name.
  const Entry& find(std::string_view name) const {
    const auto found = entries_.find(std::string(name));
    if (found != entries_.end()) return found->second;
    throw Error(ErrorKind::kConfig,
                {.what = std::string("unknown ") + Entry::kind() + " '" + std::string(name) + "'",
                 .expected = suggestion(name, names()),
                 .fix = "semiseg info lists everything that is registered"});
  }

  // Returns the names in alphabetical order.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& [name, entry] : entries_) result.push_back(name);
    return result;
  }

 private:
  std::map<std::string, Entry> entries_;
};

}  // namespace semiseg
