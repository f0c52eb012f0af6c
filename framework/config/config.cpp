// SPDX-License-Identifier: Apache-2.0
#include "framework/config/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>

#include "framework/config/toml.h"
#include "framework/config/value.h"
#include "framework/core/error.h"
#include "framework/core/nearest.h"

namespace semiseg {
namespace {

using Data = decltype(Value::data);

// The type and values that a component expects of one key.
struct Wish {
  std::string path;
  std::string type;
  std::string allowed;
};

std::string range_text(Range range) {
  const bool low = std::isfinite(range.low), high = std::isfinite(range.high);
  if (low && high) return fmt::format("{} to {}", range.low, range.high);
  if (low) return fmt::format("at least {}", range.low);
  if (high) return fmt::format("at most {}", range.high);
  return {};
}

[[noreturn]] void refuse(const Wish& wish, const Value& value, std::string_view what,
                         std::string hint = "") {
  const std::string separator = wish.allowed.empty() ? "" : ", ";
  throw Error(ErrorKind::kConfig,
              {.what = fmt::format("'{}' {}", wish.path, what),
               .where = value.origin.where(),
               .expected = wish.type + separator + wish.allowed,
               .got = fmt::format("{} ({})", value_text(value), type_name(value)),
               .fix = std::move(hint)});
}

void note(const ConfigTree& tree, const Wish& wish, std::string default_value, std::string_view doc,
          Effect effect) {
  const auto same = [&wish](const OptionRead& read) { return read.path == wish.path; };
  if (std::any_of(tree.reads.begin(), tree.reads.end(), same)) return;
  tree.reads.push_back(
      {wish.path, wish.type, std::move(default_value), wish.allowed, std::string(doc), effect});
}

template <class T>
constexpr std::string_view kTypeName = "string";
template <>
constexpr std::string_view kTypeName<bool> = "boolean";
template <>
constexpr std::string_view kTypeName<int64_t> = "integer";
template <>
constexpr std::string_view kTypeName<double> = "float";

// The value as T, if it is one; whole numbers also serve as floats.
template <class T>
std::optional<T> as(const Value& value) {
  if (const T* exact = std::get_if<T>(&value.data)) return *exact;
  if constexpr (std::is_same_v<T, double>) {
    if (const auto* whole = std::get_if<int64_t>(&value.data)) return static_cast<double>(*whole);
  }
  return std::nullopt;
}

template <class T>
T checked(const Wish& wish, const Value& whole, const Value& element) {
  const std::optional<T> result = as<T>(element);
  if (!result) {
    const bool wants_text = std::is_same_v<T, std::string> && !element.is_section();
    refuse(wish, whole, "has the wrong type", wants_text ? "quotes make it text: '7'" : "");
  }
  return *result;
}

template <class T>
T in_range(const Wish& wish, const Value& whole, T number, Range range) {
  const auto real = static_cast<double>(number);
  if (!(real >= range.low && real <= range.high)) refuse(wish, whole, "is out of range");
  return number;
}

template <class T>
std::vector<T> checked_list(const Wish& wish, const Value& value) {
  const auto* list = std::get_if<List>(&value.data);
  if (list == nullptr) {
    refuse(wish, value, "has the wrong type", "write one element in brackets too: [1]");
  }
  std::vector<T> result;
  for (const Value& element : *list) result.push_back(checked<T>(wish, value, element));
  return result;
}

template <class T>
std::string list_text(const std::vector<T>& values) {
  List list;
  for (const T& value : values) list.push_back({Data(value), {}});
  return value_text({std::move(list), {}});
}

template <class T>
Wish wish_for(const std::string& path, std::string allowed = "") {
  return {path, std::string(kTypeName<T>), std::move(allowed)};
}

template <class T>
Wish list_wish(const std::string& path, std::string allowed = "") {
  return {path, fmt::format("list of {}", kTypeName<T>), std::move(allowed)};
}

template <class T>
void read_one(const ConfigTree& tree, const std::string& path, T& value, Range range,
              std::string_view doc, Effect effect) {
  const Wish wish = wish_for<T>(path, range_text(range));
  note(tree, wish, value_text({Data(value), {}}), doc, effect);
  if (const Value* given = find(tree.root, path)) {
    value = in_range(wish, *given, checked<T>(wish, *given, *given), range);
  }
}

template <class T>
void read_list(const ConfigTree& tree, const std::string& path, std::vector<T>& value, Range range,
               std::string_view doc, Effect effect) {
  const Wish wish = list_wish<T>(path, range_text(range));
  note(tree, wish, list_text(value), doc, effect);
  if (const Value* given = find(tree.root, path)) {
    std::vector<T> numbers = checked_list<T>(wish, *given);
    for (const T number : numbers) in_range(wish, *given, number, range);
    value = std::move(numbers);
  }
}

}  // namespace

Config::Config(std::shared_ptr<const ConfigTree> tree, std::string path)
    : tree_(std::move(tree)), path_(std::move(path)) {}

Config Config::section(std::string_view key) const {
  std::string path = join_path(path_, key);
  const Value* value = find(tree_->root, path);
  if (value != nullptr && !value->is_section()) {
    refuse({path, "section", ""}, *value, "is a value where a section belongs",
           fmt::format("set its keys: {}.KEY=…", path));
  }
  return Config(tree_, std::move(path));
}

bool Config::has(std::string_view key) const {
  return find(tree_->root, join_path(path_, key)) != nullptr;
}

std::vector<std::string> Config::sections() const {
  std::vector<std::string> names;
  const Value* here = find(tree_->root, path_);
  if (here == nullptr || !here->is_section()) return names;
  for (const Entry& entry : std::get<Section>(here->data)) {
    if (entry.value.is_section()) names.push_back(entry.key);
  }
  return names;
}

void Config::read(std::string_view key, bool& value, std::string_view doc, Effect effect) const {
  const Wish wish = wish_for<bool>(join_path(path_, key));
  note(*tree_, wish, value ? "true" : "false", doc, effect);
  if (const Value* given = find(tree_->root, wish.path))
    value = checked<bool>(wish, *given, *given);
}

void Config::read(std::string_view key, int64_t& value, Range range, std::string_view doc,
                  Effect effect) const {
  read_one(*tree_, join_path(path_, key), value, range, doc, effect);
}

void Config::read(std::string_view key, double& value, Range range, std::string_view doc,
                  Effect effect) const {
  read_one(*tree_, join_path(path_, key), value, range, doc, effect);
}

void Config::read(std::string_view key, std::string& value, std::string_view doc,
                  Effect effect) const {
  read(key, value, {}, doc, effect);
}

void Config::read(std::string_view key, std::string& value, const std::vector<std::string>& choices,
                  std::string_view doc, Effect effect) const {
  const Wish wish =
      wish_for<std::string>(join_path(path_, key), fmt::format("{}", fmt::join(choices, ", ")));
  note(*tree_, wish, value_text({value, {}}), doc, effect);
  const Value* given = find(tree_->root, wish.path);
  if (given == nullptr) return;
  std::string text = checked<std::string>(wish, *given, *given);
  if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
    const std::string near = nearest(text, choices);
    refuse(wish, *given, "is none of its choices",
           near.empty() ? "" : fmt::format("did you mean '{}'?", near));
  }
  value = std::move(text);
}

void Config::read(std::string_view key, std::vector<int64_t>& value, Range range,
                  std::string_view doc, Effect effect) const {
  read_list(*tree_, join_path(path_, key), value, range, doc, effect);
}

void Config::read(std::string_view key, std::vector<double>& value, Range range,
                  std::string_view doc, Effect effect) const {
  read_list(*tree_, join_path(path_, key), value, range, doc, effect);
}

void Config::read(std::string_view key, std::vector<std::string>& value, std::string_view doc,
                  Effect effect) const {
  const Wish wish = list_wish<std::string>(join_path(path_, key));
  note(*tree_, wish, list_text(value), doc, effect);
  if (const Value* given = find(tree_->root, wish.path)) {
    value = checked_list<std::string>(wish, *given);
  }
}

std::string Config::required(std::string_view key, std::string_view doc, Effect effect) const {
  const Wish wish = wish_for<std::string>(join_path(path_, key));
  note(*tree_, wish, "", doc, effect);
  if (const Value* given = find(tree_->root, wish.path)) {
    return checked<std::string>(wish, *given, *given);
  }
  if (tree_->only_lists) return "";
  throw Error(ErrorKind::kConfig,
              {.what = fmt::format("'{}' is not set and has no default", wish.path),
               .expected = std::string(doc),
               .fix = fmt::format("give {}=…", wish.path)});
}

void Config::fail(std::string_view key, std::string what, std::string expected,
                  std::string fix) const {
  const std::string path = join_path(path_, key);
  const Value* given = find(tree_->root, path);
  const std::string place =
      given != nullptr ? given->origin.where() : "its default, no file sets it";
  throw Error(ErrorKind::kConfig, {.what = std::move(what),
                                   .where = fmt::format("'{}' at {}", path, place),
                                   .expected = std::move(expected),
                                   .got = given != nullptr ? value_text(*given) : "",
                                   .fix = std::move(fix)});
}

std::vector<OptionRead> Config::reads() const { return tree_->reads; }

std::string Config::to_toml(bool origins) const {
  const Value* here = find(tree_->root, path_);
  return here == nullptr ? "" : section_text(*here, origins);
}

uint64_t Config::hash(const std::vector<std::string>& ignored) const {
  const Value* here = find(tree_->root, path_);
  const std::string text = here == nullptr ? "" : canonical_text(*here, path_, ignored);
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace semiseg
