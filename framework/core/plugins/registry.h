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

// Throws kInternal: two plug-ins of one name are a mistake of the build. While load_plugin() loads a
// library, whose initialisers no exception may leave, it notes the name for load_plugin() instead.
void refuse_taken_name(const std::string& kind, const std::string& name);

// Collects the names that a plug-in registers although they are taken, while it lives, instead of an
// exception. One at a time.
struct TakenNames {
  TakenNames();
  ~TakenNames();
  TakenNames(const TakenNames&) = delete;
  TakenNames& operator=(const TakenNames&) = delete;

  std::vector<std::string> names;  // "method 'bcp'"
};

// Says once for each name that a thing has another name now.
void say_renamed(const std::string& former, const std::string& present);

// Entry has the members `name` (std::string, the file's stem) and `summary` (one line for `semiseg
// info`), and a static function `kind()` that says what it is ("method").
template <class Entry>
class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  // Adds the entry, which find() also returns for its former names. A name that is taken is refused
  // (see above), and the entry is not added.
  bool add(Entry entry, const std::vector<std::string>& former_names = {}) {
    const std::string name = entry.name;
    const bool is_new = entries_.emplace(name, std::move(entry)).second;
    if (!is_new) refuse_taken_name(Entry::kind(), name);
    for (const std::string& former : former_names) renamed_.emplace(former, name);
    return is_new;
  }

  // Throws kConfig with the nearest spelling when there is no such name.
  const Entry& find(std::string_view name) const {
    const auto renamed = renamed_.find(std::string(name));
    if (renamed != renamed_.end()) say_renamed(renamed->first, renamed->second);
    const auto found =
        entries_.find(renamed == renamed_.end() ? std::string(name) : renamed->second);
    if (found != entries_.end()) return found->second;
    throw Error(ErrorKind::kConfig,
                {.what = std::string("unknown ") + Entry::kind() + " '" + std::string(name) + "'",
                 .expected = suggestion(name, names()),
                 .fix = "semiseg info lists everything that is registered"});
  }

  // Returns the present name by the former one.
  const std::map<std::string, std::string>& renamed() const { return renamed_; }

  // In alphabetical order.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& [name, entry] : entries_) result.push_back(name);
    return result;
  }

 private:
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> renamed_;
};

}  // namespace semiseg
