// SPDX-License-Identifier: Apache-2.0
#include "framework/config/compose_steps.h"

#include <fmt/format.h>

#include <utility>

#include "framework/config/toml.h"
#include "framework/core/error.h"
#include "framework/core/nearest.h"

namespace semiseg {
namespace {

[[noreturn]] void fail(const Override& change, ErrorParts parts) {
  parts.where = change.origin().where();
  throw Error(ErrorKind::kConfig, std::move(parts));
}

void refuse_null(const Override& change) {
  if (!change.is_null) return;
  fail(change,
       {.what = "TOML has no null",
        .fix = fmt::format("~{0} goes back to the default, {0}= is empty text, {0}='null' the word",
                           change.key)});
}

// A bare 7 for a key that holds text is the text "7": the one who types labelled=7 need not know
// that "all" is allowed.
Value fitted(const Value* present, const Override& change) {
  const bool holds_text = present != nullptr && std::holds_alternative<std::string>(present->data);
  const bool is_compound =
      change.value->is_section() || std::holds_alternative<List>(change.value->data);
  if (!holds_text || is_compound) return *change.value;
  return {change.option, change.origin()};
}

void force(Value& root, const Override& change) {
  const auto [section, key] = split_path(change.key);
  Value& place = make_section(root, section, change.origin());
  const Value value = fitted(find(std::as_const(place), key), change);
  merge(place, {Section{{key, value}}, change.origin()}, section);
}

void set(Value& root, const Override& change) {
  const auto [section, key] = split_path(change.key);
  if (find(root, section) == nullptr) {
    fail(change, {.what = fmt::format("there is no section '{}' for the key '{}'", section, key),
                  .expected = suggestion(section, paths(root, true)),
                  .fix = fmt::format("+{} adds the section with the key", change.text)});
  }
  force(root, change);
}

// Key by key, so that +a={b:1} may add to a section that is there.
void add(Value& root, const std::string& path, const Value& value, const Override& change) {
  const Value* present = find(root, path);
  if (present == nullptr) {
    const auto [section, key] = split_path(path);
    Value& place = make_section(root, section, change.origin());
    std::get<Section>(place.data).push_back({key, value});
  } else if (present->is_section() && value.is_section()) {
    for (const auto& [key, below] : std::get<Section>(value.data)) {
      add(root, join_path(path, key), below, change);
    }
  } else {
    fail(change,
         {.what = fmt::format("the key '{}' exists already", path),
          .expected = fmt::format("a new key; this one is set by {}", present->origin.where()),
          .got = value_text(*present),
          .fix = "without + it replaces the value; ++ adds or replaces"});
  }
}

void remove(Value& root, const Override& change) {
  const Value* present = find(root, change.key);
  if (present == nullptr) {
    fail(change, {.what = fmt::format("there is no key '{}' to delete", change.key),
                  .expected = suggestion(change.key, paths(root))});
  }
  if (change.value && value_text(*present) != value_text(*change.value)) {
    fail(change, {.what = fmt::format("'{}' is not deleted, because its value differs", change.key),
                  .expected = value_text(*change.value),
                  .got = fmt::format("{} from {}", value_text(*present), present->origin.where())});
  }
  const auto [section, key] = split_path(change.key);
  std::erase_if(std::get<Section>(find(root, section)->data),
                [&name = key](const Entry& entry) { return entry.key == name; });
}

}  // namespace

void apply_override(Value& root, const Override& change) {
  refuse_null(change);
  switch (change.action) {
    case Action::kSet:
      return set(root, change);
    case Action::kAdd:
      return add(root, change.key, *change.value, change);
    case Action::kForce:
      return force(root, change);
    case Action::kDelete:
      return remove(root, change);
  }
}

}  // namespace semiseg
