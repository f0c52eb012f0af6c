// SPDX-License-Identifier: Apache-2.0
// The values of a configuration in the order of their files, each with the place that set it. Paths
// are dotted, so a key never contains a dot; the empty path is the root.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "framework/config/config.h"

namespace semiseg {

// The place where a value was set.
struct Origin {
  std::string source;    // file, or "command line"
  int64_t line = 0;      // 0: the source as a whole
  std::string override;  // the text on the command line, else empty

  std::string label() const;  // "base.toml:3", "command line"
  std::string where() const;  // the same for messages: "command line: +a.b=2"
};

struct Value;
struct Entry;
using List = std::vector<Value>;
using Section = std::vector<Entry>;

struct Value {
  std::variant<bool, int64_t, double, std::string, List, Section> data;
  Origin origin;
  bool is_text = false;  // replaces text: a whole ${…} becomes text, whatever it reads like

  bool is_section() const { return std::holds_alternative<Section>(data); }
};

struct Entry {
  std::string key;
  Value value;
};

// "integer", "list", … for messages.
std::string type_name(const Value& value);

// "a" and "b.c" → "a.b.c"; either may be empty.
std::string join_path(std::string_view section, std::string_view key);

// "a.b.c" → {"a.b", "c"}; a path without a dot lies in the section "".
std::pair<std::string, std::string> split_path(std::string_view path);

// Returns null when there is no such value.
const Value* find(const Value& root, std::string_view path);
Value* find(Value& root, std::string_view path);

// Returns the section at `path`, which is created with this origin if missing. Throws kConfig when
// a value is in the way.
Value& make_section(Value& root, std::string_view path, const Origin& origin);

// Puts `from` over `into`: sections merge key by key, anything else replaces. Throws kConfig when
// one is a section and the other is not. `path` is for the message.
void merge(Value& into, const Value& from, const std::string& path);

// Visits all values below a section in order, a section before its content.
void visit(const Value& section, const std::string& path,
           const std::function<void(const std::string& path, const Value& value)>& callback);

// Returns the dotted paths of everything below a section, or of its sections only.
std::vector<std::string> paths(const Value& root, bool only_sections = false);

// The data that all views of one configuration share: its values, and the reads so far.
struct ConfigTree {
  Value root;
  std::vector<std::string>
      groups;  // of the defaults; a key that looks like one is probably a misspelt choice
  std::map<std::string, std::string> choices;  // group → option, of the defaults and command line
  Value chosen;                                // the files as they are: without changed values
  mutable std::vector<OptionRead> reads;
  mutable std::map<std::string, std::map<std::string, std::string>> renamed;  // by path
  bool only_lists =
      false;  // required keys read as empty text: the reads are wanted, not the values
};

}  // namespace semiseg
